//! What commands answer and complain about. A complaint says what to do next.

messages! {
    // The server and its settings
    server_not_reachable(url) {
        en: "no server answers at {url}; start one with `hes serve`, or name another with --server",
        zh: "{url} 没有服务器应答;请先运行 `hes serve`,或用 --server 指定其他地址"
    }
    server_not_a_url(found) {
        en: "{found} is not an address of a server; one looks like http://127.0.0.1:8645",
        zh: "{found} 不是服务器地址;正确写法如 http://127.0.0.1:8645"
    }
    server_not_ours(status) {
        en: "what answers there is not a hes server (HTTP {status}); check --server",
        zh: "该地址应答的不是 hes 服务器(HTTP {status});请检查 --server"
    }
    config_unusable(file) {
        en: "configuration file {file} cannot be used",
        zh: "配置文件 {file} 无法使用"
    }
    config_too_long(limit) {
        en: "longer than {limit} bytes",
        zh: "长度超过 {limit} 字节"
    }
    config_key(line, key, cause) {
        en: "line {line}, key {key}: {cause}",
        zh: "第 {line} 行,键 {key}:{cause}"
    }
    config_line(line, cause) { en: "line {line}: {cause}", zh: "第 {line} 行:{cause}" }
    config_good(file) {
        en: "{file}: all settings are accepted",
        zh: "{file}:全部设置有效"
    }
    config_check_needs_file() {
        en: "no file to check: name one (`hes config check hes.toml`) or give --config",
        zh: "没有要检查的文件:请给出文件名(`hes config check hes.toml`)或使用 --config"
    }

    // A command line that cannot be understood
    usage(usage) { en: "Usage: {usage}", zh: "用法: {usage}" }
    usage_more() { en: "For more, add --help.", zh: "详情请加 --help。" }
    usage_value_missing(argument) { en: "{argument} needs a value", zh: "{argument} 缺少取值" }
    usage_value_unknown(value, argument, accepted) {
        en: "\"{value}\" is no value of {argument}; accepted are {accepted}",
        zh: "{argument} 不接受 \"{value}\";可用 {accepted}"
    }
    usage_value_refused(value, argument, why) {
        en: "\"{value}\" for {argument}: {why}",
        zh: "{argument} 的取值 \"{value}\":{why}"
    }
    usage_unknown_argument(argument) { en: "there is no {argument} here", zh: "此处没有 {argument}" }
    usage_unknown_command(command) { en: "there is no command {command}", zh: "没有命令 {command}" }
    usage_suggestion(suggested) { en: "; did you mean `{suggested}`?", zh: ";是否指 `{suggested}`?" }
    usage_too_many_values(value, argument) {
        en: "\"{value}\" is one value too many for {argument}",
        zh: "{argument} 的取值过多:\"{value}\""
    }
    usage_too_few_values(argument) { en: "{argument} needs more values", zh: "{argument} 的取值不足" }
    usage_twice(argument) { en: "{argument} is given twice", zh: "{argument} 重复给出" }
    usage_conflict(argument, other) {
        en: "{argument} does not go with {other}",
        zh: "{argument} 不能与 {other} 同用"
    }
    usage_required(arguments) { en: "missing: {arguments}", zh: "缺少:{arguments}" }
    usage_no_command(commands) { en: "which command? There are {commands}", zh: "要执行哪个命令?可用 {commands}" }
    usage_not_text() { en: "an argument is not UTF-8", zh: "有参数不是 UTF-8 文本" }

    serving(api) {
        en: "hes is up at http://{api}; `hes status` shows what it does, Ctrl-C stops it",
        zh: "hes 已启动,地址 http://{api};用 `hes status` 查看状态,Ctrl-C 停止"
    }
    ended_at_once() {
        en: "ended at once by a second signal, not in order; nothing committed is lost, what was under way is asked for again",
        zh: "收到第二个信号,立即结束(非正常停止);已提交的数据不会丢失,进行中的内容将重新召测"
    }
    master_key_not_text() {
        en: "HES_MASTER_KEY is not text; it must be 64 hexadecimal digits",
        zh: "HES_MASTER_KEY 不是文本;应为 64 位十六进制"
    }
    master_key_open(file) {
        en: "the master key {file} can be read by others; run: chmod 600 {file}",
        zh: "主密钥 {file} 可被他人读取;请执行:chmod 600 {file}"
    }
    master_key_lost(file, database) {
        en: "the master key {file} is missing, and the database {database} was made with one: bring the file back, or give the key in HES_MASTER_KEY",
        zh: "主密钥 {file} 缺失,而数据库 {database} 使用过密钥:请恢复该文件,或用 HES_MASTER_KEY 提供"
    }

    // The demo
    demo_starting(folder) { en: "demo in {folder}", zh: "演示目录 {folder}" }
    demo_server_up(api) { en: "head-end: http://{api}", zh: "主站:http://{api}" }
    demo_fleet_up(meters, channels) {
        en: "fleet: {meters} simulated meters on {channels} lines",
        zh: "模拟电表:{channels} 条线路,{meters} 块表"
    }
    demo_no_fleet(program) {
        en: "{program} is missing: the fleet's program stands beside hes; build both with `cargo build -p hes -p hes-sim`, or run `cargo xtask demo`",
        zh: "缺少 {program}:模拟程序应与 hes 在同一目录;请用 `cargo build -p hes -p hes-sim` 构建,或运行 `cargo xtask demo`"
    }
    demo_fleet_failed(log) { en: "the simulated fleet did not start; see {log}", zh: "模拟电表未能启动,见 {log}" }
    demo_fleet_died(status, log) {
        en: "the simulated fleet has died ({status}), so the demo ends; its log is {log}. `hes demo` again continues where it was",
        zh: "模拟电表群已异常退出({status}),演示结束;其日志为 {log}。再次运行 `hes demo` 可从断点继续"
    }
    demo_server_ended(log) { en: "the head-end ended; see {log}", zh: "主站已退出,见 {log}" }
    demo_imported(areas, channels, meters) {
        en: "archive: {areas} areas, {channels} channels, {meters} meters",
        zh: "档案:{areas} 个台区,{channels} 个通道,{meters} 块表"
    }
    demo_row_refused(file, line, reason) {
        en: "{file}, line {line}: {reason}",
        zh: "{file} 第 {line} 行:{reason}"
    }
    demo_plans(plans) { en: "plans: {plans}", zh: "采集任务:{plans}" }
    demo_try() { en: "Try in another terminal:", zh: "可在另一终端尝试:" }
    demo_head(now, day) { en: "{now}   collection of {day}", zh: "{now}   {day} 采集情况" }
    demo_rates(total, rate, up, channels, silent) {
        en: "{total} readings since start, {rate}/s   lines up: {up} of {channels}   silent meters: {silent}",
        zh: "启动以来读数 {total},{rate} 个/秒   在线线路 {up}/{channels}   无应答电表 {silent}"
    }
    demo_gap(count, cause) { en: "missing {count}: {cause}", zh: "缺 {count}:{cause}" }
    demo_down(channel, why) { en: "{channel} is down: {why}", zh: "{channel} 离线:{why}" }
    demo_line(now, filled, expected, percent, rate) {
        en: "{now}  {filled} of {expected} values of today ({percent} %), {rate} readings/s",
        zh: "{now}  今日 {filled}/{expected} ({percent} %),{rate} 个读数/秒"
    }
    demo_stop_hint() { en: "Ctrl-C stops; a second start continues", zh: "Ctrl-C 停止;再次启动时接着进行" }
    demo_stopping() { en: "stopping", zh: "正在停止" }
    demo_stopped(folder) { en: "stopped; everything is kept in {folder}", zh: "已停止,数据保存在 {folder}" }

    // Words of everyday use
    nothing_there() { en: "nothing there", zh: "没有内容" }
    total() { en: "total", zh: "合计" }
    now() { en: "now", zh: "当前" }
    all_others() { en: "all others", zh: "其余全部" }
    file_unreadable(file) { en: "reading {file}", zh: "读取 {file}" }
    file_unwritable(file) { en: "writing {file}", zh: "写入 {file}" }
    file_too_long(file, limit) { en: "{file} is longer than {limit} bytes", zh: "{file} 超过 {limit} 字节" }
    day_unknown(found) {
        en: "{found} is not a day; accepted are 2026-11-24, today, yesterday, today-7",
        zh: "{found} 不是日期;可用 2026-11-24、today、yesterday、today-7"
    }
    month_unknown() { en: "not a month; accepted is 2026-11", zh: "不是月份;正确写法如 2026-11" }
    window_unknown() {
        en: "not a window; accepted is 22:00-06:00, and 00:00-00:00 for all day",
        zh: "不是时段;正确写法如 22:00-06:00,00:00-00:00 表示全天"
    }
    series_unknown() {
        en: "not a series; accepted are instant, daily, monthly, interval_1, interval_5, interval_15, interval_30, interval_60",
        zh: "不是数据系列;可用 instant、daily、monthly、interval_1、interval_5、interval_15、interval_30、interval_60"
    }
    level_unknown() {
        en: "not a decode level; accepted are off, header, objects, bytes",
        zh: "不是解析级别;可用 off、header、objects、bytes"
    }
    register_unknown(found) {
        en: "{found} is neither the alias nor the OBIS code of a register; `hes register list` shows them all",
        zh: "{found} 既不是数据项别名也不是 OBIS 代码;用 `hes register list` 查看全部"
    }

    minutes_and_seconds(minutes, seconds) { en: "{minutes} min {seconds} s", zh: "{minutes} 分 {seconds} 秒" }
    hours_and_minutes(hours, minutes) { en: "{hours} h {minutes} min", zh: "{hours} 小时 {minutes} 分" }
    days_and_hours(days, hours) { en: "{days} d {hours} h", zh: "{days} 天 {hours} 小时" }

    // Registers
    kind_counter() { en: "counter", zh: "累计" }
    kind_balance() { en: "balance", zh: "余额" }
    kind_gauge() { en: "gauge", zh: "瞬时" }
    kind_demand() { en: "demand", zh: "需量" }

    // The archive
    importing(file) { en: "importing {file}", zh: "正在导入 {file}" }
    imported(rows, created, updated, unchanged, refused) {
        en: "{rows} rows: {created} new, {updated} changed, {unchanged} unchanged, {refused} refused",
        zh: "共 {rows} 行:新增 {created},变更 {updated},未变 {unchanged},拒绝 {refused}"
    }
    import_read_as_gbk() {
        en: "the file was read as GBK (GB 18030); --encoding utf-8 reads it otherwise",
        zh: "文件按 GBK(GB 18030)读取;如有误请用 --encoding utf-8"
    }
    import_note(line, note) { en: "line {line}: {note}", zh: "第 {line} 行:{note}" }
    state_not_commissioned() { en: "not commissioned", zh: "未投运" }
    state_active() { en: "active", zh: "运行" }
    state_suspended() { en: "suspended", zh: "暂停" }
    state_retired() { en: "retired", zh: "拆除" }
    link_idle() { en: "idle", zh: "空闲" }
    link_connecting() { en: "connecting", zh: "连接中" }
    link_up() { en: "up", zh: "在线" }
    link_down() { en: "down", zh: "离线" }

    // Plans
    plan_added(plan) { en: "plan {plan} added", zh: "已添加采集任务 {plan}" }
    plan_changed(plan) { en: "plan {plan} changed", zh: "已修改采集任务 {plan}" }
    plan_removed(plan) {
        en: "plan {plan} ends today; its past and its readings stay",
        zh: "采集任务 {plan} 自今日终止,历史与读数保留"
    }
    no_plan() {
        en: "no plan yet; `hes plan add daily --all` makes one",
        zh: "还没有采集任务;可用 `hes plan add daily --all` 添加"
    }
    nothing_to_set() {
        en: "nothing to change: give --window, --deadline, --priority, --from or --until",
        zh: "没有要修改的内容:请给出 --window、--deadline、--priority、--from 或 --until"
    }
    plan_ends_before_it_starts(until, from) {
        en: "the plan would end on {until}, before it starts on {from}",
        zh: "任务止于 {until},早于起始日 {from}"
    }
    task_daily(registers) { en: "daily freeze, {registers} registers", zh: "日冻结,{registers} 项" }
    task_day_of_month(day, registers) {
        en: "daily freeze of day {day} of the month, {registers} registers",
        zh: "每月 {day} 日冻结,{registers} 项"
    }
    task_monthly(registers) { en: "monthly settlement, {registers} registers", zh: "月结算,{registers} 项" }
    task_interval(minutes, registers) {
        en: "{minutes} min load profile, {registers} registers",
        zh: "{minutes} 分钟负荷曲线,{registers} 项"
    }
    task_instant(minutes, registers) {
        en: "values of now every {minutes} min, {registers} registers",
        zh: "每 {minutes} 分钟瞬时值,{registers} 项"
    }
    task_clock() { en: "clock check", zh: "时钟核对" }
    task_clock_sync() { en: "clock check and broadcast synchronisation", zh: "时钟核对与广播校时" }
    scope_all() { en: "all meters", zh: "全部电表" }
    scope_areas(areas) { en: "areas {areas}", zh: "台区 {areas}" }
    scope_groups(groups) { en: "groups {groups}", zh: "分组 {groups}" }
    scope_meters(meters) { en: "meters {meters}", zh: "电表 {meters}" }
    window_always() { en: "all day", zh: "全天" }

    // Reading
    reading(meter) { en: "reading {meter}", zh: "正在召测 {meter}" }
    read_of_what() {
        en: "which meter? `hes read METER`, or `hes read --direct serial:/dev/ttyUSB0`",
        zh: "召测哪块表?用 `hes read 表号`,或 `hes read --direct serial:/dev/ttyUSB0`"
    }
    proof_hint(seq) {
        en: "what proves a value: `hes evidence --seq {seq}`",
        zh: "查看举证:`hes evidence --seq {seq}`"
    }
    read_not_ended(id, seconds) {
        en: "read {id} has not ended within {seconds} s; it stays queued on the server, --wait waits longer",
        zh: "召测 {id} 在 {seconds} 秒内未结束,仍在服务器排队;可用 --wait 延长等待"
    }
    read_expired() {
        en: "the read's time was over before everything was there; how its channel is: `hes status --channels`",
        zh: "召测未及全部完成即已过期;通道状况请看 `hes status --channels`"
    }
    interval_unknown(minutes) {
        en: "interval {minutes} min is not one of 1, 5, 15, 30, 60",
        zh: "间隔 {minutes} 分钟不在 1、5、15、30、60 之中"
    }
    interval_ends_before_it_starts(from, to) {
        en: "the profile would end at {to}, not after its start at {from}",
        zh: "曲线止于 {to},不晚于起始 {from}"
    }
    clock_has_no_register() {
        en: "--clock reads the clock only; leave the registers out",
        zh: "--clock 只读时钟;请不要给出数据项"
    }
    clock_of_meter(clock, offset) {
        en: "meter's clock {clock}, {offset} s against this machine",
        zh: "表内时钟 {clock},与本机相差 {offset} 秒"
    }
    quality_good() { en: "good", zh: "有效" }
    quality_absent() { en: "absent", zh: "电表无此数据" }
    quality_suspect(rules) { en: "suspect ({rules})", zh: "可疑({rules})" }
    quality_not_judged() { en: "not judged", zh: "未校验" }
    no_value(reason) { en: "no value ({reason})", zh: "无值({reason})" }

    asking() { en: "asking the meter", zh: "正在询问电表" }
    the_meter() { en: "meter", zh: "电表" }
    nobody_there(line) {
        en: "nobody answered at {line}; check the wiring and the speed (as ?baud=9600), and give --address where several meters share the line",
        zh: "{line} 下无应答;请检查接线与波特率(如 ?baud=9600),线路上有多块表时请用 --address 指定"
    }
    address_twice() {
        en: "the address is given twice: in front of the registers and as --address",
        zh: "地址给出了两次:数据项之前与 --address"
    }
    address_not_told() {
        en: "the meter answers without telling its address; give it by --address",
        zh: "该表应答中不带自身地址;请用 --address 指定"
    }
    protocol_unknown(found, known) { en: "{found} is not one of {known}", zh: "{found} 不在 {known} 之中" }
    target_option_unknown(key) {
        en: "{key} is no option of a line; there are baud, data_bits, parity, extra_delay_ms, wake_up",
        zh: "{key} 不是线路参数;可用 baud、data_bits、parity、extra_delay_ms、wake_up"
    }
    target_option_no_number(key, value) {
        en: "{key}={value}: a whole number is accepted",
        zh: "{key}={value}:应为整数"
    }
    parity_unknown(found) {
        en: "parity={found}: accepted are even, none, odd",
        zh: "parity={found}:可用 even、none、odd"
    }
    extra_delay_too_long(found, limit) {
        en: "extra_delay_ms={found}: accepted are 0 to {limit}",
        zh: "extra_delay_ms={found}:可用 0 至 {limit}"
    }
    line_not_opened() { en: "the line cannot be opened", zh: "线路无法打开" }
    raw_refused() {
        en: "not sent: hes raw sends one frame that only reads (see `hes raw --help`)",
        zh: "未发送:hes raw 只发送单帧只读报文(见 `hes raw --help`)"
    }

    // Decoding
    decode_only_dlms() {
        en: "--layer and the keys are for `hes decode dlms`",
        zh: "--layer 和密钥参数仅用于 `hes decode dlms`"
    }
    decode_only_dlt645() {
        en: "--dialect is for `hes decode dlt645`",
        zh: "--dialect 仅用于 `hes decode dlt645`"
    }
    decode_what() {
        en: "what is to be decoded? `hes decode dlt645 68…16`, or lines on standard input",
        zh: "解析什么?`hes decode dlt645 68…16`,或从标准输入逐行给出"
    }
    loose_bytes(bytes) { en: "no frame: {bytes}", zh: "非完整帧:{bytes}" }

    // Evidence
    evidence_of_what() {
        en: "which reading? `hes evidence METER REGISTER`, or --seq",
        zh: "哪个读数?用 `hes evidence 表号 数据项`,或 --seq"
    }
    evidence_gone() {
        en: "the bytes of this reading are no longer kept (see store.evidence_days in the configuration)",
        zh: "该读数的原始报文已超过保存期(见配置 store.evidence_days)"
    }
    exchange_heading(id, channel, class, plan) {
        en: "exchange {id}: channel {channel}, class {class}, plan {plan}",
        zh: "举证 {id}:通道 {channel},类别 {class},任务 {plan}"
    }
    exchange_sent() { en: "asked", zh: "召测报文" }
    exchange_answered() { en: "answered", zh: "应答报文" }

    // Reports and exports
    success_heading(day, zone) { en: "collection success of {day} ({zone})", zh: "{day} 采集成功率({zone})" }
    excluded(meters, reason) { en: "{meters} meters not expected: {reason}", zh: "{meters} 块表不计入:{reason}" }
    gaps_heading(day, zone) { en: "missing of {day} ({zone})", zh: "{day} 缺失({zone})" }
    failures_heading(day, zone) { en: "failed attempts of {day} ({zone})", zh: "{day} 采集失败({zone})" }
    clock_heading(day, zone, tolerance) {
        en: "clocks of {day} ({zone}), right within {tolerance} s",
        zh: "{day} 表内时钟({zone}),合格范围 {tolerance} 秒"
    }
    broadcast_sent(at, channel) { en: "time broadcast to {channel} at {at}", zh: "{at} 对 {channel} 广播校时" }
    excluded_not_listed(count) { en: "{count} more; --excluded lists more", zh: "另有 {count} 条,可用 --excluded 显示更多" }
    not_listed(count) { en: "{count} more; --limit lists more", zh: "另有 {count} 条,可用 --limit 显示更多" }
    not_asked() { en: "not asked yet", zh: "尚未召测" }
    next_probe() { en: "once the meter answers its next probe", zh: "待电表应答下次探测" }
    once_channel_is_up() { en: "once the channel is up", zh: "待通道恢复" }
    in_turn() { en: "in its turn", zh: "依次补采" }
    exporting() { en: "exporting", zh: "正在导出" }
    exported(file, bytes) { en: "{file} written, {bytes} bytes", zh: "已写入 {file},{bytes} 字节" }

    // The database
    backing_up(file) { en: "backing up to {file}", zh: "正在备份到 {file}" }
    backed_up(file, bytes) { en: "{file} written, {bytes} bytes", zh: "已写入 {file},{bytes} 字节" }
    restoring(file) { en: "restoring {file}", zh: "正在恢复 {file}" }
    restored(database, file) {
        en: "{database} is now the backup {file}; what was there is kept as hes.db.before-restore",
        zh: "{database} 已恢复为 {file};原数据库保存为 hes.db.before-restore"
    }
    checking() { en: "reading the whole database", zh: "正在检查整个数据库" }
    checked(readings, blocks, exchanges, bytes) {
        en: "{readings} reading versions, {blocks} profile days, {exchanges} exchanges with {bytes} bytes",
        zh: "读数版本 {readings},曲线日块 {blocks},举证 {exchanges} 条共 {bytes} 字节"
    }
    database_sound() { en: "the database is sound", zh: "数据库完好" }
    no_database(file) {
        en: "there is no database {file}; check data_dir in the configuration",
        zh: "没有数据库 {file};请检查配置中的 data_dir"
    }

    // The server now
    day_of(day) { en: "area, {day}", zh: "台区 {day}" }
    status_heading(version, since, up) {
        en: "hes {version}, running since {since} ({up})",
        zh: "hes {version},自 {since} 运行({up})"
    }
    status_not_collecting() { en: "planned collection is not running", zh: "计划采集未运行" }
    status_clock_not_proven(reason) {
        en: "the host's clock is not proven ({reason}): clocks of meters are not set, reading goes on",
        zh: "主机时钟未经验证({reason}):不对表校时,抄表照常"
    }
    status_links(links) { en: "channels: {links}", zh: "通道:{links}" }
    status_readings(total, rate, waiting) {
        en: "readings since start: {total}, now {rate}/s; on-demand reads waiting: {waiting}",
        zh: "启动以来读数 {total},当前 {rate} 个/秒;等待召测 {waiting}"
    }
}
