//! The help of every command and option.

messages! {
    // Every command
    hes() {
        en: "Head-end system for electricity meters: reads a fleet, proves every reading, reports what is missing",
        zh: "电能表采集主站:抄读全部电表,每个读数可举证,缺失有据可查"
    }
    exit_codes() {
        en: "Exit codes:
  0  done
  1  failed, or the answer is no
  2  wrong usage
  3  the server is not reachable
  4  partly done: what was refused or is missing has been named
  130  ended at once by a second signal (serve, demo)

Environment:
  HES_CONFIG        configuration file, as --config
  HES_SERVER        address of the server, as --server
  HES_MASTER_KEY    key that encrypts meter passwords at rest, 64 hexadecimal digits
  HES_LOG           log filter, wins over the configuration file
  LC_ALL, LANG      language, unless --lang is given
  NO_COLOR          no colours",
        zh: "退出码:
  0  完成
  1  失败,或结论为否
  2  用法错误
  3  无法连接服务器
  4  部分完成:未接受或缺失的内容已逐条列出
  130  收到第二个信号而立即结束(serve、demo)

环境变量:
  HES_CONFIG        配置文件,同 --config
  HES_SERVER        服务器地址,同 --server
  HES_MASTER_KEY    加密存储电表密码的主密钥,64 位十六进制
  HES_LOG           日志过滤条件,优先于配置文件
  LC_ALL, LANG      未给出 --lang 时的语言
  NO_COLOR          不使用颜色"
    }
    help() { en: "Print help", zh: "显示帮助" }
    version() { en: "Print the version", zh: "显示版本" }
    json() { en: "Answer in JSON instead of tables", zh: "以 JSON 输出,代替表格" }
    lang() { en: "Language of the output [default: from LANG]", zh: "输出语言 [默认取自 LANG]" }
    config_file() { en: "Configuration file [default: built-in settings]", zh: "配置文件 [默认使用内置设置]" }
    server() {
        en: "Address of the server [default: from the configuration]",
        zh: "服务器地址 [默认取自配置]"
    }
    quiet() { en: "No progress bars", zh: "不显示进度条" }

    // Settings and shell
    completions() { en: "Print a completion script for a shell", zh: "输出命令行补全脚本" }
    shell() { en: "Which shell", zh: "哪种命令行外壳" }
    config() { en: "Check and show configuration files", zh: "检查和显示配置" }
    config_check() {
        en: "Check a configuration file; names the key and what is accepted",
        zh: "检查配置文件,指出有误的键及可接受的取值"
    }
    config_check_file() {
        en: "The file [default: the one given by --config]",
        zh: "配置文件 [默认为 --config 指定的文件]"
    }
    config_default() { en: "Print the annotated default configuration", zh: "输出带注释的默认配置" }
    config_show() {
        en: "Print the settings in force: the file over the defaults",
        zh: "显示生效的设置(配置文件覆盖默认值)"
    }

    // The server itself
    serve() { en: "Run the head-end until it is told to stop", zh: "运行采集主站,直到收到停止信号" }
    serve_long() {
        en: "Run the head-end until it is told to stop (SIGTERM, Ctrl-C): the exchange on the wire is finished, what is pending
is committed. A second signal ends it at once, with a message and exit code 130; nothing committed is lost.

At the first start the data folder, the access token and the master key are made. The master key encrypts meter passwords:
keep a copy of it apart from the backups, or give your own in HES_MASTER_KEY.

When it is up, one JSON line with its addresses goes to standard output (a sentence, on a terminal); the log goes to standard
error.",
        zh: "运行采集主站,直到收到停止信号(SIGTERM、Ctrl-C):先完成线路上的当前交互,再提交全部待写数据。
第二个信号使进程立即结束,给出提示,退出码 130;已提交的数据不会丢失。

首次启动时生成数据目录、访问令牌与主密钥。主密钥用于加密电表密码:请与备份分开保存副本,或用 HES_MASTER_KEY 提供。

启动完成后向标准输出写一行含地址的 JSON(终端上为一句话);日志写到标准错误。"
    }
    serve_data_dir() { en: "Data folder, instead of the configuration's", zh: "数据目录,代替配置中的值" }
    serve_listen() { en: "Loopback address of the HTTP API, instead of the configuration's", zh: "HTTP 接口的本机地址,代替配置中的值" }

    demo() { en: "Simulated fleet and head-end, to look at within a minute", zh: "模拟电表与主站演示,一分钟内可见效果" }
    demo_long() {
        en: "Start a simulated fleet (400 meters in 8 areas on serial buses, serial servers and dialled-in modules, with some
faults) and a head-end that reads it; show a live summary. Ctrl-C stops both; a second start continues where it was.
The settings are in DIR/hes.toml, the logs in DIR/hes.log and DIR/hes-sim.log.

Exit code 4 when --until-complete was asked for and the time of --for was up before.",
        zh: "启动模拟电表(8 个台区 400 块表,含串口总线、串口服务器、拨入模块及若干故障)和抄读它们的主站,显示实时汇总。
Ctrl-C 停止;再次启动时接着进行。设置在 DIR/hes.toml,日志在 DIR/hes.log 与 DIR/hes-sim.log。

要求 --until-complete 而 --for 的时间先到时,退出码为 4。"
    }
    demo_dir() { en: "Folder of the demo", zh: "演示目录" }
    demo_fleet() { en: "Another fleet than the one that ships with the program", zh: "使用其他模拟电表配置" }
    demo_once() {
        en: "Plain lines instead of the live summary, and end when every daily value has been asked for",
        zh: "以普通文本代替实时画面,日冻结全部召测后结束"
    }
    demo_until_complete() { en: "End when every daily value has been asked for", zh: "日冻结全部召测后结束" }
    demo_for() { en: "End after so many seconds", zh: "若干秒后结束" }

    // The archive
    meter() { en: "The archive's meters", zh: "电表档案" }
    meter_no() { en: "Number of the meter in the archive", zh: "档案中的表号" }
    meter_import() { en: "Import meters from a CSV file", zh: "从 CSV 文件导入电表" }
    meter_import_long() {
        en: "Import meters from a CSV file. Good rows are stored, every bad row is named with its line and reason
(exit code 4). Importing a file again changes nothing.

Columns, in any order, head line required:
  meter_no, protocol (dlt645-2007, dlt645-1997), address, channel, area, service_point   required
  model, reader, customer, customer_name, ct, pt, installed_from, groups (parted by ;),
  password (hexadecimal), state (active, not_commissioned, suspended, retired)           optional",
        zh: "从 CSV 文件导入电表。正确的行入库,错误的行逐条列出行号与原因(退出码 4)。重复导入同一文件不产生变化。

列(次序不限,必须有表头):
  meter_no, protocol (dlt645-2007, dlt645-1997), address, channel, area, service_point   必填
  model, reader, customer, customer_name, ct, pt, installed_from, groups(以 ; 分隔),
  password(十六进制), state (active, not_commissioned, suspended, retired)               选填"
    }
    import_file() { en: "CSV file, or - for standard input", zh: "CSV 文件,- 表示标准输入" }
    import_encoding() {
        en: "What the file's text is written in; auto takes GBK where it is not UTF-8 and reads like Chinese",
        zh: "文件的文字编码;auto 对不是 UTF-8 而像中文的文件按 GBK 读取"
    }
    meter_list() { en: "List meters", zh: "列出电表" }
    meter_list_area() { en: "Only those of an area", zh: "只列某台区" }
    meter_list_channel() { en: "Only those on a channel", zh: "只列某通道" }
    meter_list_group() { en: "Only those of a group", zh: "只列某分组" }
    meter_show() { en: "Show a meter and where it was installed", zh: "显示一块表及其安装历史" }
    meter_replace() { en: "Put another meter in a meter's place", zh: "换表" }
    meter_replace_long() {
        en: "Put another meter in a meter's place. The old one's installation ends, it is retired; the new one is installed at the same
service point from 00:00 of that day, on the same channel, in the same groups. Past days stay what they were.",
        zh: "换表:旧表安装终止并转为拆除;新表自该日 00:00 起安装于同一用电点、同一通道、同一分组。过去各日不变。"
    }
    replace_new() { en: "Number of the new meter", zh: "新表表号" }
    replace_address() { en: "Address of the new meter, 1 to 12 digits", zh: "新表通信地址,1 至 12 位数字" }
    replace_on() { en: "First day of the new meter", zh: "新表启用日" }
    replace_protocol() { en: "Protocol of the new meter [default: as the old one's]", zh: "新表规约 [默认同旧表]" }
    replace_model() { en: "Model of the new meter [default: as the old one's]", zh: "新表表型 [默认同旧表]" }
    replace_ct() { en: "Current transformer factor [default: as before]", zh: "CT 倍率 [默认不变]" }
    replace_pt() { en: "Voltage transformer factor [default: as before]", zh: "PT 倍率 [默认不变]" }
    channel() {
        en: "Channels: the lines and connections meters are reached over",
        zh: "通道:连接电表的线路"
    }
    channel_import() { en: "Import channels from a CSV file", zh: "从 CSV 文件导入通道" }
    channel_import_long() {
        en: "Import channels from a CSV file, as `hes meter import` does meters.

Columns, in any order, head line required:
  name, kind (serial, dial, dial_in)                           required
  path                                                         for serial
  host, port                                                   for dial
  registration (packet:TEXT, frame:ADDRESS)                    for dial_in
  baud, data_bits, parity, extra_delay_ms, wake_up             optional",
        zh: "从 CSV 文件导入通道,方式同 `hes meter import`。

列(次序不限,必须有表头):
  name, kind (serial, dial, dial_in)                           必填
  path                                                         serial 必填
  host, port                                                   dial 必填
  registration (packet:文本, frame:表地址)                     dial_in 必填
  baud, data_bits, parity, extra_delay_ms, wake_up             选填"
    }
    channel_list() { en: "List channels and how their links do", zh: "列出通道及链路状态" }
    channel_unknown() {
        en: "List devices that called in and were refused",
        zh: "列出拨入而被拒绝的设备"
    }
    area() { en: "Transformer areas and their readers", zh: "台区与抄表员" }
    area_import() { en: "Import areas from a CSV file", zh: "从 CSV 文件导入台区" }
    area_import_long() {
        en: "Import areas from a CSV file, as `hes meter import` does meters.

Columns, in any order, head line required: code, name, reader, reader_name",
        zh: "从 CSV 文件导入台区,方式同 `hes meter import`。

列(次序不限,必须有表头): code, name, reader, reader_name"
    }
    area_list() { en: "List areas", zh: "列出台区" }
    register() { en: "Registers: what can be read, and how it is called", zh: "数据项:可读内容及其名称" }
    register_list() { en: "List every register with its alias and OBIS code", zh: "列出全部数据项的别名与 OBIS 代码" }

    // Plans
    plans() { en: "Reading plans: what is collected of which meters, by when", zh: "采集任务:采什么、采哪些表、何时采" }
    plan() { en: "Name of the plan", zh: "任务名" }
    plan_add() { en: "Add a plan", zh: "添加采集任务" }
    plan_daily() { en: "The daily freeze of every day", zh: "每日冻结" }
    plan_day_of_month() { en: "The daily freeze of one day of the month", zh: "每月例日冻结" }
    plan_monthly() { en: "The settlement values of every month", zh: "每月结算" }
    plan_interval() { en: "The load profile", zh: "负荷曲线" }
    plan_instant() { en: "Values of now, every so many minutes", zh: "定时瞬时值" }
    plan_clock() { en: "A check of every meter's clock once a day", zh: "每日核对表内时钟" }
    plan_day() { en: "Day of the month, 1 to 28", zh: "每月几日,1 至 28" }
    plan_interval_minutes() { en: "Length of an interval: 1, 5, 15, 30 or 60", zh: "间隔分钟:1、5、15、30 或 60" }
    plan_instant_minutes() { en: "How often: every 1, 5, 15, 30 or 60 minutes", zh: "周期分钟:1、5、15、30 或 60" }
    plan_sync() {
        en: "Broadcast the time on channels where clocks drift (needs a proven host clock)",
        zh: "时钟偏差超限的通道广播校时(要求主机时钟可信)"
    }
    plan_registers() {
        en: "Registers by alias or OBIS code, repeated or parted by commas [default: what suits the kind]",
        zh: "数据项别名或 OBIS 代码,可重复或以逗号分隔 [默认按任务类别]"
    }
    plan_name() { en: "Name of the plan [default: its kind]", zh: "任务名 [默认为类别名]" }
    scope_all() { en: "Every meter", zh: "全部电表" }
    scope_area() { en: "The meters of these areas", zh: "这些台区的电表" }
    scope_group() { en: "The meters of these groups", zh: "这些分组的电表" }
    scope_meter() { en: "These meters", zh: "这些电表" }
    plan_window() {
        en: "Part of the day in which the plan may use the lines [default: all day]",
        zh: "允许占用线路的时段 [默认全天]"
    }
    plan_deadline() {
        en: "Minutes after a slot within which a value is on time [default: what suits the kind]",
        zh: "采集点之后多少分钟内算按时 [默认按任务类别]"
    }
    plan_priority() {
        en: "0 goes first, 9 last [default: what suits the kind]",
        zh: "0 最先,9 最后 [默认按任务类别]"
    }
    plan_from() {
        en: "First day expected; a past day is back-filled from the meters' memory [default: today]",
        zh: "起始日;过去的日子从表内存储补采 [默认今天]"
    }
    plan_until() { en: "First day no longer expected [default: none]", zh: "终止日,当日起不再采集 [默认无]" }
    plan_list() { en: "List plans", zh: "列出采集任务" }
    plan_show() { en: "Show a plan with its registers", zh: "显示采集任务及其数据项" }
    plan_set() { en: "Change when a plan works", zh: "修改采集任务的时间安排" }
    plan_remove() { en: "Remove a plan", zh: "删除采集任务" }
    plan_remove_long() {
        en: "Remove a plan. It expects nothing from today on; what it expected of past days stands, and its readings stay.",
        zh: "删除采集任务。自今日起不再采集;过去各日的应采仍计入,读数保留。"
    }

    // Reading
    read() { en: "Read one meter now", zh: "召测一块表" }
    read_long() {
        en: "Read one meter now: through the server's queue, ahead of planned work, stored with its evidence like any
other reading; or with --direct over a line of this machine, without any server.

  hes read M-0161                              what one wants to know of a supply
  hes read M-0161 voltage_a 1.0.1.8.0.255
  hes read M-0161 --daily yesterday            the freeze latched at 00:00 of that day
  hes read M-0161 --clock
  hes read --direct serial:/dev/ttyUSB0        whoever is alone on the line
  hes read --direct tcp:10.0.0.7:8899 000000000161 voltage_a 04000501 -v

With --direct, twelve digits in front are the meter's address (fewer: --address), and a data item of the protocol may stand
for a register.

Exit code 0: every value is there and good; 4: some; 1: none.",
        zh: "召测一块表:经服务器排队,优先于计划采集,读数与举证照常入库;或用 --direct 经本机线路直接读,无需服务器。

  hes read M-0161                              常用数据项
  hes read M-0161 voltage_a 1.0.1.8.0.255
  hes read M-0161 --daily yesterday            该日 00:00 的冻结值
  hes read M-0161 --clock
  hes read --direct serial:/dev/ttyUSB0        线路上唯一的表
  hes read --direct tcp:10.0.0.7:8899 000000000161 voltage_a 04000501 -v

使用 --direct 时,开头的 12 位数字为表地址(不足 12 位用 --address),也可用规约数据标识代替数据项。

退出码 0:全部有效;4:部分有效;1:没有。"
    }
    read_names() {
        en: "The meter's number, then registers by alias or OBIS code [default: the usual ones]",
        zh: "表号,其后为数据项别名或 OBIS 代码 [默认常用数据项]"
    }
    read_daily() { en: "Freezes latched at 00:00 of these days", zh: "这些日子 00:00 的日冻结" }
    read_monthly() { en: "Settlement values of these months", zh: "这些月份的结算值" }
    read_interval() { en: "Load profile of this interval in minutes", zh: "该间隔(分钟)的负荷曲线" }
    read_from() { en: "Start of the profile, civil time, as 2026-11-24T00:00", zh: "曲线起始时间,如 2026-11-24T00:00" }
    read_to() { en: "End of the profile, exclusive [default: a day later]", zh: "曲线终止时间(不含)[默认一天后]" }
    read_clock() { en: "The meter's clock against ours", zh: "表内时钟与本机之差" }
    read_wait() { en: "How long to wait for the answer", zh: "等待应答的秒数" }

    direct() {
        en: "Line to the meter, no server needed: serial:PATH or tcp:HOST:PORT",
        zh: "直连线路,无需服务器:serial:路径 或 tcp:主机:端口"
    }
    direct_long() {
        en: "Line to the meter, no server needed: serial:PATH or tcp:HOST:PORT, with options behind a question mark:
baud (2400), data_bits (8), parity (even, none, odd), extra_delay_ms (0: what the path adds to the meter's
reply time), wake_up (4 bytes FE). As serial:/dev/ttyUSB0?baud=9600&parity=none",
        zh: "直连线路,无需服务器:serial:路径 或 tcp:主机:端口,问号后可带参数:
baud(2400)、data_bits(8)、parity(even、none、odd)、extra_delay_ms(0,线路附加延时)、
wake_up(4 个 FE)。例如 serial:/dev/ttyUSB0?baud=9600&parity=none"
    }
    direct_address() {
        en: "The meter's address, 1 to 12 digits [default: whoever is alone on the line]",
        zh: "表地址,1 至 12 位数字 [默认询问线路上唯一的表]"
    }
    protocol() { en: "dlt645-2007 or dlt645-1997", zh: "dlt645-2007 或 dlt645-1997" }
    direct_model() { en: "Profile of the meter's model [default: generic]", zh: "表型配置 [默认通用]" }
    direct_verbose() { en: "Show what was said on the line", zh: "显示往来报文" }
    raw() { en: "Send one frame that only reads, and show the answer", zh: "发送一帧只读报文并显示应答" }
    raw_long() {
        en: "Send one frame that only reads, exactly as given, and show the answer. Sent are control codes 11, 12 and 13 of 2007,
and 01, 02 and 03 of 1997. Everything else is refused before the line is opened: writing, clocks, freezes,
passwords, relays, unknown codes, a second frame behind or inside the first.",
        zh: "原样发送一帧只读报文并显示应答。2007 版只允许控制码 11、12、13,1997 版只允许 01、02、03。
其余一律在打开线路之前拒绝:写、校时、冻结、密码、拉合闸、未知控制码,以及帧后或帧内夹带的另一帧。"
    }
    raw_hex() { en: "The frame in hexadecimal digits", zh: "十六进制报文" }

    decode() { en: "Explain frames field by field", zh: "逐字段解析报文" }
    decode_long() {
        en: "Explain frames field by field. With - (or without input), one frame a line is taken from standard input: hexadecimal
digits, or a JSON object with `hex`, so that a file of vectors can be piped in as it is. With --json one object a line
comes out, in the same order; a bad line gives {{\"ok\":false,\"error\":…,\"detail\":…}} and never stops the stream.

  hes decode dlt645 68610100000000681104333434351716
  hes decode dlt645 --json - < vectors/dlt645.jsonl
  hes decode dlms 7EA00703215303C77E
  hes decode dlms --key 000102030405060708090A0B0C0D0E0F --auth-key D0D1…DF --system-title 4D4D4D0000BC614E C81E30…

HDLC frames, wrappers, APDUs and values of DLMS are told apart. What is ciphered is deciphered with the right keys, a JSON
line may bring its own under `key`; where it cannot be, the reason is given.

Exit code 0; 1 when a single frame is given and is none.",
        zh: "逐字段解析报文。使用 -(或不给输入)时从标准输入逐行读取:十六进制,或含 `hex` 的 JSON 对象,
向量文件可直接输入。--json 时每行输出一个对象,次序不变;错误的行输出
{{\"ok\":false,\"error\":…,\"detail\":…}},不中断。

  hes decode dlt645 68610100000000681104333434351716
  hes decode dlt645 --json - < vectors/dlt645.jsonl
  hes decode dlms 7EA00703215303C77E
  hes decode dlms --key 000102030405060708090A0B0C0D0E0F --auth-key D0D1…DF --system-title 4D4D4D0000BC614E C81E30…

DLMS 的 HDLC 帧、包装帧、APDU 和数据自动区分。密钥正确时解密,JSON 行可在 `key` 中自带密钥;无法解密时给出原因。

退出码 0;单帧无法解析时为 1。"
    }
    decode_protocol() { en: "Protocol of the frames", zh: "报文规约" }
    decode_input() { en: "One frame in hexadecimal digits, or - for lines on standard input", zh: "一帧十六进制报文,- 表示标准输入逐行" }
    decode_dialect() {
        en: "Edition of the standard [default: 2007, 1997 where the control code is one of it only]",
        zh: "标准版本 [默认 2007,控制码仅属 1997 时按 1997]"
    }
    decode_layer() {
        en: "DLMS: what the bytes are; told from them unless given",
        zh: "DLMS:报文所在层,不给出则自动判断"
    }
    decode_key() {
        en: "DLMS: encryption key; it is seen by whoever sees the command line",
        zh: "DLMS:加密密钥;能看到命令行的人都能看到它"
    }
    decode_auth_key() { en: "DLMS: authentication key", zh: "DLMS:认证密钥" }
    decode_system_title() {
        en: "DLMS: system title of the sender, where the APDU does not say it",
        zh: "DLMS:发送方系统标题,用于 APDU 中未给出时"
    }
    decode_brief() { en: "The meaning without the fields; faster on big streams", zh: "只要含义不要字段,大量报文时更快" }

    // Results
    reports() { en: "How collection went on a day, and what is missing", zh: "某日采集情况与缺失" }
    report_success() { en: "Success rate: filled on time / expected", zh: "采集成功率:按时采到 / 应采" }
    report_success_long() {
        en: "Success rate of a day: filled on time / expected, as the archive was on that day. A daily freeze belongs to the
day it is latched on: last night's freeze is that of today.",
        zh: "某日采集成功率:按时采到 / 应采,按当日档案计算。日冻结归属其冻结时刻所在之日:昨夜零点冻结属于今天。"
    }
    report_gaps() { en: "What is missing, why, and when it is asked for again", zh: "缺失、原因与下次补抄" }
    report_gaps_long() {
        en: "What is missing of a day: expected slots that are not filled, why, how often they were asked for, and when they are
asked for again. Neighbouring slots with one fate are one row.",
        zh: "某日缺失:未采到的应采点、原因、已尝试次数与下次补抄时间。相邻且情况相同的采集点合为一行。"
    }
    report_failures() { en: "Attempts of a day that brought nothing, by cause", zh: "某日失败的采集,按原因" }
    report_clock() { en: "How far meters' clocks were off on a day", zh: "某日表内时钟偏差" }
    report_limit() { en: "Rows listed one by one", zh: "明细行数" }
    report_excluded() {
        en: "Meters that nothing was expected of listed one by one",
        zh: "逐一列出的不计入电表行数"
    }
    report_tolerance() { en: "A clock at most this far off is right", zh: "合格的最大偏差(秒)" }
    report_day() { en: "2026-11-24, today, yesterday, today-7", zh: "2026-11-24、today、yesterday、today-7" }
    report_by() {
        en: "Grouped by area, channel, reader, cause, protocol or model",
        zh: "分组方式:area、channel、reader、cause、protocol、model"
    }
    report_plan() { en: "Only this plan", zh: "只计该任务" }
    export() { en: "A day's reads as a file for billing", zh: "导出计费数据" }
    export_daily() { en: "Daily reads as CSV or NDJSON", zh: "日读数,CSV 或 NDJSON" }
    export_daily_long() {
        en: "Daily reads as CSV or NDJSON. A file appears only when it is whole. With --since, everything stored after that
ingest sequence comes, corrections too.",
        zh: "导出日读数,CSV 或 NDJSON。文件写完整后才出现。使用 --since 时导出该入库序号之后的全部内容,含更正。"
    }
    export_day() { en: "Which day: freezes latched at its 00:00", zh: "哪一天:该日 00:00 的冻结值" }
    export_format() { en: "Form of the file", zh: "文件格式" }
    export_since() { en: "Everything after this ingest sequence instead of a day", zh: "不按日期,导出该序号之后的全部" }
    export_output() { en: "File to write [default: standard output]", zh: "输出文件 [默认标准输出]" }
    evidence() { en: "The bytes that prove a reading, field by field", zh: "读数的原始报文与逐字段解析" }
    evidence_register() { en: "Register by alias or OBIS code", zh: "数据项别名或 OBIS 代码" }
    evidence_series() {
        en: "instant, daily, monthly, interval_15, …",
        zh: "instant、daily、monthly、interval_15 等"
    }
    evidence_day() { en: "Day of the slot [default: today]", zh: "采集点日期 [默认今天]" }
    evidence_at() { en: "Time of the slot, civil, as 2026-11-24T08:15", zh: "采集点时间,如 2026-11-24T08:15" }
    evidence_seq() { en: "The reading with this ingest sequence", zh: "该入库序号的读数" }
    event() { en: "The event log: alarms, corrections, refused devices", zh: "事件日志:告警、更正、被拒设备" }
    event_list() { en: "List events", zh: "列出事件" }
    event_kind() { en: "Only this kind", zh: "只列该类别" }
    event_meter() { en: "Only this meter", zh: "只列该表" }

    // The database
    db() { en: "Back up, restore and check the database", zh: "数据库备份、恢复与检查" }
    db_backup() { en: "Write a consistent copy of the database", zh: "写出数据库的一致副本" }
    db_backup_long() {
        en: "Write a consistent copy of the database: by the running server, under load, or directly where none runs. A file that exists
is not overwritten. The master key is not in the copy: keep it apart.",
        zh: "写出数据库的一致副本:有服务器运行时由服务器在线备份,否则直接备份。不覆盖已有文件。副本中不含主密钥,请另行保存。"
    }
    db_backup_file() { en: "File to write, on the server's machine", zh: "要写的文件(服务器所在机器)" }
    db_restore() { en: "Put a backup in the database's place", zh: "用备份替换数据库" }
    db_restore_long() {
        en: "Put a backup in the database's place. The server must be stopped. What was there is kept beside it as
hes.db.before-restore. Slots filled since the backup are missing again and asked for again.",
        zh: "用备份替换数据库。须先停止服务器。原数据库保存为 hes.db.before-restore。备份之后采到的数据视为缺失并补抄。"
    }
    db_restore_file() { en: "The backup", zh: "备份文件" }
    db_check() { en: "Check that the database is sound", zh: "检查数据库是否完好" }
    db_check_long() {
        en: "Check that the database is sound: SQLite's own check, and what must hold between readings, versions, evidence and archive. The
server must be stopped. Exit code 1 when something is wrong.",
        zh: "检查数据库是否完好:SQLite 自检,以及读数、版本、举证与档案之间的一致性。须先停止服务器。有问题时退出码为 1。"
    }

    // The server
    status() { en: "What a running server does now", zh: "服务器当前状态" }
    status_channels() { en: "Every channel, not only those in trouble", zh: "列出全部通道,而不只是异常通道" }
    log() { en: "How much of the channels' frames a running server logs", zh: "运行中服务器的报文日志级别" }
    log_level() { en: "Show or set decode levels", zh: "显示或设置解析级别" }
    log_level_long() {
        en: "Show or set how much of the frames is logged, while the server runs. Without --channel a level is for all channels
and forgets the exceptions.

  hes log level                       show
  hes log level bytes --channel bus-7
  hes log level off",
        zh: "运行中显示或设置报文日志的详细程度。不带 --channel 时对全部通道生效,并清除例外。

  hes log level                       显示
  hes log level bytes --channel bus-7
  hes log level off"
    }
    log_level_level() { en: "off, header, objects or bytes", zh: "off、header、objects 或 bytes" }
    log_level_channel() { en: "Only this channel", zh: "只对该通道" }
}
