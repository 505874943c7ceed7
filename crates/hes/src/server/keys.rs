//! The master key: from the environment, from its file, or made at the first start.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Context;
use hes_store::{DATABASE_FILE, MasterKey};

use crate::settings::Settings;
use crate::text::say;

/// Longest key file read; a key has 64 digits.
const FILE_MAX_BYTES: u64 = 4096;

/// The key that meter passwords are sealed with.
///
/// # Errors
///
/// When it is malformed, readable by others, or missing beside a database that was made with one: a new key would only
/// hide that the old one is lost.
pub(crate) fn master_key(settings: &Settings) -> anyhow::Result<MasterKey> {
    if let Some(text) = std::env::var_os("HES_MASTER_KEY") {
        let text =
            zeroize::Zeroizing::new(text.into_string().map_err(|_| anyhow::anyhow!(say::master_key_not_text()))?);
        return MasterKey::from_hex(&text).context("reading HES_MASTER_KEY");
    }
    let file = settings.master_key_file();
    match read(&file) {
        Ok(key) => Ok(key),
        Err(error) if is_missing(&error) => {
            let database = settings.data_dir.0.join(DATABASE_FILE);
            anyhow::ensure!(!database.exists(), say::master_key_lost(file.display(), database.display()));
            make(&file)
        }
        Err(error) => Err(error),
    }
}

fn read(file: &Path) -> anyhow::Result<MasterKey> {
    let named = || format!("reading the master key {}", file.display());
    let meta = std::fs::metadata(file).with_context(named)?;
    anyhow::ensure!(meta.mode() & 0o077 == 0, say::master_key_open(file.display()));
    anyhow::ensure!(meta.len() <= FILE_MAX_BYTES, "{}: {}", named(), say::config_too_long(FILE_MAX_BYTES));
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(file).with_context(named)?);
    MasterKey::from_hex(&text).with_context(named)
}

fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Makes a key in a file only its owner can read, on disk before it is used.
fn make(file: &Path) -> anyhow::Result<MasterKey> {
    let named = || format!("making the master key {}", file.display());
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(named)?;
    }
    let key = MasterKey::generate();
    let mut options = std::fs::OpenOptions::new();
    let mut made = options.write(true).create_new(true).mode(0o600).open(file).with_context(named)?;
    made.write_all(key.expose_hex().as_bytes()).and_then(|()| made.write_all(b"\n")).with_context(named)?;
    made.sync_all().with_context(named)?;
    tracing::warn!(
        file = %file.display(),
        "a master key was made; keep a copy apart from the database's backups: without it meter passwords are lost"
    );
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::DataDir;

    fn settings(dir: &tempfile::TempDir) -> Settings {
        Settings { data_dir: DataDir(dir.path().join("data")), ..Settings::default() }
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&dir);
        let made = master_key(&settings).unwrap();
        let again = master_key(&settings).unwrap();
        assert_eq!(made.expose_hex(), again.expose_hex());
        let mode = std::fs::metadata(settings.master_key_file()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_lost_key_is_not_replaced_beside_its_database() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&dir);
        std::fs::create_dir_all(&settings.data_dir.0).unwrap();
        std::fs::write(settings.data_dir.0.join(DATABASE_FILE), "").unwrap();
        let error = master_key(&settings).unwrap_err().to_string();
        assert!(error.contains("HES_MASTER_KEY"), "{error}");
        assert!(!settings.master_key_file().exists());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_command_that_helps() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&dir);
        master_key(&settings).unwrap();
        let file = settings.master_key_file();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = master_key(&settings).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
