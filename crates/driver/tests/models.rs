//! The profiles in `config/meters/` are the ones that ship.

use std::collections::BTreeSet;
use std::path::Path;

use hes_driver::Model;

#[test]
fn every_profile_in_the_folder_ships_under_its_files_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/meters");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names: BTreeSet<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let shipped: BTreeSet<String> = Model::all().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, shipped);
}
