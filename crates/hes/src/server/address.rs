//! Where a running server's API is, for commands on the same data folder: the port may be one the system chose.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;

const FILE: &str = "api-address";

/// The address stands in the data folder while the server runs. After a crash it is stale: who reads it finds nobody there.
#[derive(Debug)]
pub(super) struct Announced(PathBuf);

impl Announced {
    /// Writes it, whole or not at all.
    pub(super) fn write(data_dir: &Path, address: SocketAddr) -> anyhow::Result<Self> {
        let file = data_dir.join(FILE);
        let named = || format!("writing {}", file.display());
        let mut fresh = tempfile::NamedTempFile::new_in(data_dir).with_context(named)?;
        writeln!(fresh, "{address}").with_context(named)?;
        fresh.persist(&file).with_context(named)?;
        Ok(Self(file))
    }

    /// Takes it away. Called while the database is still ours, or another server's address would go.
    pub(super) fn withdraw(self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, file = %self.0.display(), "the API's address could not be taken away");
        }
    }
}

/// The address a server of this data folder last announced.
pub(crate) fn read(data_dir: &Path) -> Option<SocketAddr> {
    std::fs::read_to_string(data_dir.join(FILE)).ok()?.trim().parse().ok()
}
