use std::collections::BTreeSet;

use super::*;

mod sources;

fn table() -> HashMap<String, String> {
    toml::from_str(TABLE).unwrap()
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{4E00}'..='\u{9FFF}'))
}

#[test]
fn both_languages_say_the_same_parts() {
    let names = |text: &str| -> BTreeSet<String> {
        let varies = |piece| if let Piece::Varies(name) = piece { Some(name) } else { None };
        pieces(text).into_iter().filter_map(varies).collect()
    };
    for (english, chinese) in table() {
        assert_eq!(names(&english), names(&chinese), "{english}");
        assert!(is_chinese(&chinese), "{english} = {chinese}");
    }
}

/// The sources are read, so that a message someone adds to any crate is missed here and not by an operator.
#[test]
fn everything_the_sources_can_say_to_a_person_has_its_chinese() {
    let table = table();
    let missing: Vec<String> = sources::messages()
        .into_iter()
        .filter(|message| {
            let said = pieces(&message.text);
            let literal = sources::without_names(&message.text);
            // A fragment that others are made of stands within what is made of it.
            let fragment = said.len() == 1;
            let known = |english: &String| {
                let made_of_it = fragment && sources::without_names(english).contains(&literal);
                made_of_it || matches(&said, english, 0, &mut Vec::new())
            };
            !table.keys().any(known)
        })
        .map(|message| format!("{}:{}: {:?}", message.file, message.line, message.text))
        .collect();
    assert!(missing.is_empty(), "not in config/chinese.toml:\n{}", missing.join("\n"));
}

#[test]
fn a_message_is_found_with_its_parts_and_its_causes() {
    let said = |text: &str| in_chinese(text).unwrap_or_else(|| text.to_owned());
    assert_eq!(said("no meter M-0161 in the archive"), "档案中没有电表 M-0161");
    assert_eq!(
        said("collector.look_again_seconds = 0: accepted are 1 to 3600"),
        "collector.look_again_seconds = 0:可取 1 至 3600"
    );
    assert_eq!(
        said("the host's clock is not proven: chronyd is not synchronised (chronyc tracking)"),
        "主机时钟未经验证:chronyd 未同步(chronyc tracking)"
    );
    assert_eq!(
        said("SQLite finds damage: row 7 missing from index failure_by_meter"),
        "SQLite 检出损坏:索引 failure_by_meter 缺少第 7 行"
    );
    assert_eq!(said("no whole frame came: 12 bytes, 3 stray bytes"), "没有收到完整帧:12 字节,3 个杂散字节");
    assert_eq!(
        said("unknown column: \"colour\"; missing column: code; accepted are code, name"),
        "未知列:\"colour\";缺少列:code;可用列:code, name"
    );
    assert_eq!(
        said("cannot use /x/y.part: is there room, and may the server write there?"),
        "无法使用 /x/y.part:空间是否足够,服务器能否写入?"
    );
}

#[test]
fn what_is_unknown_stays_as_it_is() {
    for text in ["", "voltage_a", "a sentence of a library nobody knows", "x, y, no reason given", "12 to many"] {
        assert_eq!(in_chinese(text), None, "{text}");
    }
    assert_eq!(in_chinese(&"no meter ".repeat(1000)), None);
}
