//! The access token: made once, kept in a file only its owner can read, compared in constant time.
//!
//! The server keeps the token's hash only; the text leaves memory as soon as it has been read or made.
//! One token, one right: who may read the file is who may use the server. Users and roles are not here.

use std::io::Write;
use std::path::{Path, PathBuf};

use ctutils::CtEq;
use rand::Rng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Random bytes of a token: 256 bits, far beyond guessing.
const TOKEN_BYTES: usize = 32;
/// Longest token file read; a longer one is not ours.
const TOKEN_FILE_MAX_BYTES: u64 = 4096;
/// Shortest token accepted from a file that somebody else wrote.
const TOKEN_MIN_CHARS: usize = 32;

/// Why there is no usable token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not readable, or not makeable.
    #[error("token file {path} cannot be {action}")]
    File {
        /// Which file.
        path: PathBuf,
        /// `read` or `made`.
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others could read it.
    #[error("token file {path} can be read by others (mode {mode:03o}); run: chmod 600 {path}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a token.
    #[error(
        "token file {path} holds no token of at least {TOKEN_MIN_CHARS} printable characters; \
         delete it and start the server again, a new one is made"
    )]
    Content {
        /// Which file.
        path: PathBuf,
    },
}

/// The text of a token, as a client sends it. Prints as `***`, wiped when dropped.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
    /// Reads the token that a running server left in `path`.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let at = |source| TokenError::File { path: path.to_owned(), action: "read", source };
        let meta = std::fs::metadata(path).map_err(at)?;
        refuse_open_mode(path, &meta)?;
        let content = || TokenError::Content { path: path.to_owned() };
        if meta.len() > TOKEN_FILE_MAX_BYTES {
            return Err(content());
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(at)?);
        Self::parse(&text).ok_or_else(content)
    }
    /// Takes over a token given as text, blanks around it aside; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let whole = text.len() >= TOKEN_MIN_CHARS && text.bytes().all(|b| b.is_ascii_graphic());
        whole.then(|| Self(Zeroizing::new(text.to_owned())))
    }
    /// Reads the token of `path`, or makes a new one there with mode 0600 where the file is missing.
    pub fn read_or_make(path: &Path) -> Result<Self, TokenError> {
        match Self::read(path) {
            Err(TokenError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Self::make(path),
            other => other,
        }
    }
    fn make(path: &Path) -> Result<Self, TokenError> {
        let at = |source| TokenError::File { path: path.to_owned(), action: "made", source };
        let mut bytes = Zeroizing::new([0_u8; TOKEN_BYTES]);
        rand::rng().fill_bytes(bytes.as_mut());
        let text = bytes.iter().fold(Zeroizing::new(String::with_capacity(2 * TOKEN_BYTES)), |mut text, byte| {
            text.extend([byte >> 4, byte & 15].map(|n| char::from_digit(u32::from(n), 16).expect("below 16")));
            text
        });
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(at)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.sync_all())
            .map_err(at)?;
        Ok(Self(text))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[cfg(unix)]
fn refuse_open_mode(path: &Path, meta: &std::fs::Metadata) -> Result<(), TokenError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(TokenError::Open { path: path.to_owned(), mode }) }
}
#[cfg(not(unix))]
fn refuse_open_mode(_path: &Path, _meta: &std::fs::Metadata) -> Result<(), TokenError> {
    Ok(())
}

/// What the server keeps of its token.
#[derive(Clone)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &Token) -> Self {
        Self(Sha256::digest(token.expose().as_bytes()).into())
    }
    /// Whether `presented` is the token; takes the same time wherever they differ.
    pub fn matches(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        self.0.ct_eq(&presented).into()
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.token");
        let made = Token::read_or_make(&path).unwrap();
        let again = Token::read_or_make(&path).unwrap();
        assert_eq!(made.expose(), again.expose());
        assert_eq!(made.expose().len(), 64);
        assert!(TokenHash::of(&made).matches(again.expose()));
        assert!(!TokenHash::of(&made).matches(&again.expose()[1..]));
        assert!(!TokenHash::of(&made).matches(""));
    }

    #[test]
    fn a_token_never_prints() {
        let dir = tempfile::tempdir().unwrap();
        let token = Token::read_or_make(&dir.path().join("t")).unwrap();
        assert_eq!(format!("{token:?} {:?}", TokenHash::of(&token)), "*** ***");
    }

    #[cfg(unix)]
    #[test]
    fn a_token_file_that_others_can_read_is_refused_with_the_command_that_helps() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.token");
        Token::read_or_make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let message = Token::read(&path).unwrap_err().to_string();
        assert!(message.contains("mode 644") && message.contains("chmod 600"), "{message}");
    }

    #[test]
    fn a_file_without_a_token_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.token");
        Token::read_or_make(&path).unwrap();
        for content in ["", "short", "a token with blanks in it, though it is long enough"] {
            std::fs::write(&path, content).unwrap();
            assert!(matches!(Token::read_or_make(&path), Err(TokenError::Content { .. })), "{content:?}");
        }
    }
}
