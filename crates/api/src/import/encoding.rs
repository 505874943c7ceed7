//! How the text of a file is written down: UTF-8, or GBK, as spreadsheets on Chinese systems save "CSV".
//!
//! GBK is read as GB 18030, which holds all of it. Where nobody said which it is, a file that is not UTF-8 is taken for
//! GBK only if it reads like Chinese: a UTF-8 file with a damaged byte also decodes as GBK, into characters nobody uses,
//! and a customer's name would be stored wrong without a word.

use std::borrow::Cow;

use encoding_rs::GB18030;

use crate::dto::archive::Encoding;

/// Level 1 of GB 2312, the 3,755 characters ordered by sound that almost all text consists of, by their first bytes.
const COMMON_LEADS: std::ops::RangeInclusive<u8> = 0xB0..=0xD7;
/// Second bytes of GB 2312.
const COMMON_TRAILS: std::ops::RangeInclusive<u8> = 0xA1..=0xFE;
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// The name a client gives in `charset` of the media type.
pub(crate) fn named(charset: &str) -> Option<Encoding> {
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => Some(Encoding::Utf8),
        "gb18030" | "gbk" | "gb2312" => Some(Encoding::Gb18030),
        _ => None,
    }
}

/// The file in UTF-8 and what it was. `None` where it was said to be GB 18030 and is not.
///
/// What comes out as UTF-8 may hold damaged bytes still: they cost their rows, not the file.
pub(super) fn decode(file: &[u8], said: Option<Encoding>) -> Option<(Cow<'_, [u8]>, Encoding)> {
    let as_it_is = |file| (Cow::Borrowed(file), Encoding::Utf8);
    if let Some(text) = file.strip_prefix(&BYTE_ORDER_MARK) {
        return Some(as_it_is(text));
    }
    match said {
        Some(Encoding::Utf8) => Some(as_it_is(file)),
        Some(Encoding::Gb18030) => from_gb18030(file),
        None if std::str::from_utf8(file).is_ok() || !reads_like_chinese(file) => Some(as_it_is(file)),
        None => from_gb18030(file).or_else(|| Some(as_it_is(file))),
    }
}

fn from_gb18030(file: &[u8]) -> Option<(Cow<'_, [u8]>, Encoding)> {
    let text = GB18030.decode_without_bom_handling_and_without_replacement(file)?;
    let bytes = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    Some((bytes, Encoding::Gb18030))
}

/// Whether half of the two-byte characters and more are common ones. Of Chinese in GBK some 19 of 20 are; of Chinese in
/// UTF-8, read in pairs, one of eight.
fn reads_like_chinese(file: &[u8]) -> bool {
    let (mut common, mut all) = (0_usize, 0_usize);
    let mut rest = file;
    while let [lead, behind @ ..] = rest {
        match behind {
            [trail, behind @ ..] if !lead.is_ascii() => {
                all += 1;
                common += usize::from(COMMON_LEADS.contains(lead) && COMMON_TRAILS.contains(trail));
                rest = behind;
            }
            _ => rest = behind,
        }
    }
    all > 0 && 2 * common >= all
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "meter_no,customer_name\r\nM1,王小明\r\nM2,广州市越秀区供电局(抄表班)\r\nM3,李喆\r\n";

    fn gbk(text: &str) -> Vec<u8> {
        GB18030.encode(text).0.into_owned()
    }

    #[test]
    fn a_spreadsheet_s_chinese_csv_is_read_whichever_way_it_was_saved() {
        let with_mark = [&BYTE_ORDER_MARK, TEXT.as_bytes()].concat();
        for (file, encoding) in [
            (TEXT.as_bytes().to_vec(), Encoding::Utf8),
            (with_mark, Encoding::Utf8),
            (gbk(TEXT), Encoding::Gb18030),
            (b"meter_no\r\nM1\r\n".to_vec(), Encoding::Utf8),
        ] {
            let (text, found) = decode(&file, None).unwrap();
            assert_eq!(found, encoding);
            let expected = if text.len() < 30 { "meter_no\r\nM1\r\n" } else { TEXT };
            assert_eq!(std::str::from_utf8(&text).unwrap(), expected);
        }
    }

    #[test]
    fn each_name_alone_is_told_apart_too() {
        for name in ["王", "李喆", "欧阳修", "广州供电局"] {
            assert_eq!(decode(&gbk(name), None).unwrap().1, Encoding::Gb18030, "{name}");
            // One byte is lost of the UTF-8: it is damaged, and no other encoding.
            let damaged = &name.as_bytes()[..name.len() - 1];
            assert_eq!(decode(damaged, None).unwrap().1, Encoding::Utf8, "{name}");
        }
    }

    #[test]
    fn what_was_said_wins_over_what_it_reads_like() {
        let file = gbk("王");
        assert_eq!(decode(&file, Some(Encoding::Utf8)).unwrap(), (Cow::Borrowed(&file[..]), Encoding::Utf8));
        assert_eq!(decode("王".as_bytes(), Some(Encoding::Gb18030)), None);
        assert_eq!(named("GBK"), Some(Encoding::Gb18030));
        assert_eq!(named("latin1"), None);
    }

    #[test]
    fn any_bytes_are_taken() {
        for length in 0..6 {
            for fill in [0x00, 0x41, 0x80, 0xB0, 0xFF] {
                assert!(decode(&vec![fill; length], None).is_some());
            }
        }
    }
}
