//! What published frames are expected to mean, compared with what was found.

use serde_json::Value;

/// What is expected of a key is there; objects key by key, lists entry by entry, and nothing left over in lists.
pub(crate) fn check(path: &str, expected: &Value, found: &Value) {
    match (expected, found) {
        (Value::Object(expected), _) => {
            for (key, expected) in expected {
                check(&format!("{path}.{key}"), expected, found.get(key).unwrap_or(&Value::Null));
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "{path}: {found:?}");
            for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                check(&format!("{path}[{at}]"), expected, found);
            }
        }
        _ => assert_eq!(expected, found, "{path}"),
    }
}
