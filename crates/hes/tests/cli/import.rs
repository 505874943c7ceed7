//! Files as people's spreadsheets save them.

use crate::served::Served;

const HEAD: &str = "meter_no,protocol,address,channel,area,service_point,customer,customer_name\r\n";
/// 李小明 in GBK.
const NAME_IN_GBK: &[u8] = b"\xC0\xEE\xD0\xA1\xC3\xF7";

fn row(name: &[u8]) -> Vec<u8> {
    [HEAD.as_bytes(), b"M2,dlt645-2007,2,b,A,P2,C2,", name, b"\r\n"].concat()
}

#[test]
fn a_chinese_name_is_the_same_however_the_spreadsheet_saved_it() {
    let served = Served::start().with_meter("first");
    let with_mark = [b"\xEF\xBB\xBF", &row("李小明".as_bytes())[..]].concat();
    let files = [(with_mark, "utf-8"), (row(NAME_IN_GBK), "gb18030"), (row("李小明".as_bytes()), "utf-8")];
    for (number, (file, encoding)) in files.into_iter().enumerate() {
        let ran = served.run(&["meter", "import", "-", "--json"], &file);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["encoding"], encoding);
        assert_eq!(report["created"], u64::from(number == 0), "{report}");
        let shown = served.run(&["meter", "show", "M2", "--json"], b"");
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
        assert_eq!(shown["meter"]["customer_name"], "李小明");
    }
    let told = served.run(&["meter", "import", "-", "--encoding", "gbk"], &row(NAME_IN_GBK));
    assert!(told.stdout.contains("GBK"), "{}", told.stdout);
}

#[test]
fn a_file_said_to_be_utf_8_is_not_taken_for_anything_else() {
    let served = Served::start().with_meter("first");
    let ran = served.run(&["meter", "import", "-", "--encoding", "utf-8"], &row(NAME_IN_GBK));
    assert_eq!(ran.code, 4, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("customer_name") && ran.stdout.contains("UTF-8"), "{}", ran.stdout);
}
