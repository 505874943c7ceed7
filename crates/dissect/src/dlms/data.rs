//! Values as trees: `t` is the type, `v` the value, as in the vector files.

use hes_dlms::axdr::{Data, DateTime, Layout, tag};
use hes_dlms::cosem::{ScalerUnit, Value};

use super::tree::{Object, Tree};
use super::{Explainer, hex};
use crate::decoded::Rejected;

/// The type of the elements of a compact array.
fn layout(of: Layout<'_>) -> Tree {
    match of {
        Layout::Simple(simple) => tag::name(simple).into(),
        Layout::Array { count, .. } => {
            Object::new().with("array", count).with("of", of.members().next().map(layout)).into()
        }
        Layout::Structure { .. } => Object::new().with("structure", of.members().map(layout).collect::<Tree>()).into(),
    }
}

impl Explainer<'_> {
    /// Bytes that are one value.
    pub(super) fn value(&self, bytes: &[u8]) -> Result<Object, Rejected> {
        let data = Data::decode(bytes).map_err(|why| Rejected::new(why.code(), why.to_string()))?;
        Ok(Object::new().with("value", self.data(&data)))
    }

    /// A value; `text` says it in words where the type alone does not.
    pub(super) fn data(&self, data: &Data<'_>) -> Tree {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Object::new().with("t", data.type_name()).with("left_out", true).into();
        };
        self.left.set(left);
        let mut object = Object::new().with("t", data.type_name());
        let members = || data.list().into_iter().flatten().map(|member| self.data(&member)).collect::<Tree>();
        match data {
            Data::Null | Data::DontCare => {}
            Data::Array(_) => object.put("v", members()),
            Data::Structure(_) => {
                object.put("v", members());
                object.put_some("text", scaler_unit(data));
            }
            Data::CompactArray(compact) => {
                object.put("desc", layout(compact.layout()));
                object.put("v", members());
            }
            Data::Boolean(truth) => object.put("v", *truth),
            Data::BitString { bits, octets } => {
                let all = octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1));
                object.put("v", all.take(*bits).map(|bit| if bit == 1 { '1' } else { '0' }).collect::<String>());
            }
            Data::OctetString(octets) => {
                object.put("v", hex(octets));
                object.put_some("text", octets_text(octets));
            }
            Data::VisibleString(octets) | Data::Utf8String(octets) => match std::str::from_utf8(octets) {
                Ok(text) => object.put("v", text),
                // Not what the type says; kept as it is.
                Err(_) => {
                    object.put("v", hex(octets));
                    object.put("not_text", true);
                }
            },
            Data::Bcd(octet) => object.put("v", *octet),
            Data::Float32(number) => object.put("v", *number),
            Data::Float64(number) => object.put("v", *number),
            Data::Long64Unsigned(number) => object.put("v", *number),
            Data::DateTime(at) => {
                object.put("v", hex(at.octets()));
                object.put("text", at.to_string());
            }
            Data::Date(date) => {
                object.put("v", hex(date.octets()));
                object.put("text", date.to_string());
            }
            Data::Time(time) => {
                object.put("v", hex(time.octets()));
                object.put("text", time.to_string());
            }
            number => object.put("v", number.number::<i64>()),
        }
        object.into()
    }
}

/// A scaler and a unit, which are recognised by their types.
fn scaler_unit(data: &Data<'_>) -> Option<String> {
    let Data::Structure(list) = data else { return None };
    let [Data::Integer(_), Data::Enum(_)] = list.exactly::<2>()? else { return None };
    let ScalerUnit { scaler, unit } = ScalerUnit::read(*data).ok()?;
    unit.symbol()?;
    Some(format!("10^{scaler} {unit}").trim_end().to_owned())
}

/// What an octet-string probably is: a moment, a logical name, text.
fn octets_text(octets: &[u8]) -> Option<String> {
    if let Some(at) = DateTime::from_octets(octets)
        && at.local_seconds().is_ok()
    {
        return Some(at.to_string());
    }
    if let [0 | 1, _, _, _, _, 255] = octets {
        return hes_dlms::Obis::from_octets(octets).map(|name| name.to_string());
    }
    let printable = octets.len() > 3 && octets.iter().all(|octet| matches!(octet, 0x20..=0x7E));
    printable.then(|| String::from_utf8_lossy(octets).into_owned())
}

/// A moment in a header: its octets, and in words.
pub(super) fn moment(object: &mut Object, key: &'static str, octets: &[u8]) {
    object.put(key, hex(octets));
    object.put_some("date_time_text", DateTime::from_octets(octets).map(|at| at.to_string()));
}
