//! As much of JSON Schema as `config/schemas/decode.schema.json` uses; a keyword it does not know is a failure, so that
//! nothing in the schema goes unchecked.

use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../../config/schemas/decode.schema.json")).unwrap());

/// Panics with the first place where `found` is not what the schema says.
pub(crate) fn validate(found: &Value) {
    if let Err(why) = check(&SCHEMA, found) {
        panic!("{why} in {found}");
    }
}

fn check(schema: &Value, found: &Value) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => check(SCHEMA.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), found)?,
            "const" => (found == rule).then_some(()).ok_or_else(|| format!("{found} is not {rule}"))?,
            "enum" => {
                let known = rule.as_array().unwrap().contains(found);
                known.then_some(()).ok_or_else(|| format!("{found} is not one of {rule}"))?;
            }
            "type" => has_type(rule, found)?,
            "minimum" => {
                let enough = found.as_i64() >= rule.as_i64();
                enough.then_some(()).ok_or_else(|| format!("{found} is below {rule}"))?;
            }
            "required" => {
                for key in rule.as_array().unwrap() {
                    let there = found.get(key.as_str().unwrap()).is_some();
                    there.then_some(()).ok_or_else(|| format!("{key} is missing"))?;
                }
            }
            "properties" => {
                for (key, rule) in rule.as_object().unwrap() {
                    if let Some(found) = found.get(key) {
                        check(rule, found).map_err(|why| format!("{key}: {why}"))?;
                    }
                }
            }
            "additionalProperties" => {
                assert_eq!(rule, false, "only its absence is understood");
                let known = schema["properties"].as_object().unwrap();
                let stray = found.as_object().unwrap().keys().find(|key| !known.contains_key(*key));
                stray.map_or(Ok(()), |key| Err(format!("{key} is not in the schema")))?;
            }
            "items" => {
                for entry in found.as_array().unwrap() {
                    check(rule, entry)?;
                }
            }
            "oneOf" => {
                let results: Vec<_> = rule.as_array().unwrap().iter().map(|rule| check(rule, found)).collect();
                let fitting = results.iter().filter(|result| result.is_ok()).count();
                (fitting == 1).then_some(()).ok_or_else(|| format!("{fitting} alternatives fit: {results:?}"))?;
            }
            other => panic!("the schema uses {other}, which this test does not check"),
        }
    }
    Ok(())
}

fn has_type(rule: &Value, found: &Value) -> Result<(), String> {
    let fits = |name: &str| match name {
        "object" => found.is_object(),
        "array" => found.is_array(),
        "string" => found.is_string(),
        "boolean" => found.is_boolean(),
        "integer" => found.is_i64() || found.is_u64(),
        "null" => found.is_null(),
        other => panic!("the schema uses the type {other}, which this test does not check"),
    };
    let any = match rule {
        Value::Array(names) => names.iter().any(|name| fits(name.as_str().unwrap())),
        name => fits(name.as_str().unwrap()),
    };
    any.then_some(()).ok_or_else(|| format!("{found} is not of type {rule}"))
}
