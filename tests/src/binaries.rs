//! Where the programs under test are.

use std::path::{Path, PathBuf};

/// The head-end, built with its fail points by `cargo xtask test`.
pub fn hes() -> PathBuf {
    built("hes")
}

/// The simulated fleet.
pub fn hes_sim() -> PathBuf {
    built("hes-sim")
}

/// The folder of one independent peer, for `PYTHONPATH`.
pub fn peer(name: &str) -> PathBuf {
    let home = std::env::var_os("HES_TEST_PEERS").map_or_else(|| root().join("target/peers"), PathBuf::from);
    let folder = home.join(name);
    assert!(folder.is_dir(), "{} is missing; run `cargo xtask peers`", folder.display());
    folder
}

/// The Python that runs the peers.
pub fn python() -> String {
    std::env::var("HES_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is below the root")
}

/// Test programs stand in `target/PROFILE/deps`, the binaries one folder up.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing; run `cargo xtask test`, which builds it", path.display());
    path
}
