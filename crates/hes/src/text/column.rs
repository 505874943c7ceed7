//! Headings of columns.

messages! {
    address() { en: "address", zh: "通信地址" }
    announced() { en: "announced as", zh: "上报标识" }
    answered() { en: "answered", zh: "应答" }
    area() { en: "area", zh: "台区" }
    attempts() { en: "attempts", zh: "次数" }
    bytes() { en: "bytes", zh: "报文" }
    causes() { en: "causes of what is missing", zh: "缺失原因" }
    channel() { en: "channel", zh: "通道" }
    collects() { en: "collects", zh: "采集内容" }
    column() { en: "column", zh: "列" }
    customer() { en: "customer", zh: "户号" }
    customer_name() { en: "name of customer", zh: "户名" }
    deadline_minutes() { en: "deadline min", zh: "时限(分)" }
    detail() { en: "detail", zh: "详情" }
    endpoint() { en: "end point", zh: "端点" }
    expected() { en: "expected", zh: "应采" }
    failed() { en: "failed", zh: "失败" }
    field() { en: "field", zh: "字段" }
    first() { en: "first", zh: "首次" }
    from() { en: "from", zh: "起" }
    given_up() { en: "given up", zh: "放弃" }
    groups() { en: "groups", zh: "分组" }
    kind() { en: "kind", zh: "类别" }
    last() { en: "last", zh: "最近" }
    late() { en: "late", zh: "补采" }
    level() { en: "decode level", zh: "解析级别" }
    line() { en: "line", zh: "行" }
    line_settings() { en: "line", zh: "串口参数" }
    link() { en: "link", zh: "链路" }
    meaning() { en: "meaning", zh: "含义" }
    meter() { en: "meter", zh: "电表" }
    meter_clock() { en: "meter's clock", zh: "表内时间" }
    meters() { en: "meters", zh: "表数" }
    model() { en: "model", zh: "表型" }
    name() { en: "name", zh: "名称" }
    obis() { en: "OBIS", zh: "OBIS" }
    occurred() { en: "occurred", zh: "发生时间" }
    offset() { en: "at", zh: "偏移" }
    on_time() { en: "on time", zh: "按时" }
    open() { en: "open", zh: "待采" }
    peer() { en: "peer", zh: "对端" }
    plan() { en: "plan", zh: "任务" }
    plain() { en: "less 33H", zh: "减33H" }
    priority() { en: "priority", zh: "优先级" }
    protocol() { en: "protocol", zh: "规约" }
    quality() { en: "quality", zh: "质量" }
    reader() { en: "reader", zh: "抄表员" }
    reader_name() { en: "name of reader", zh: "抄表员姓名" }
    reason() { en: "reason", zh: "原因" }
    received() { en: "received", zh: "接收时间" }
    register() { en: "register", zh: "数据项" }
    row() { en: "row", zh: "对象" }
    scope() { en: "scope", zh: "范围" }
    seq() { en: "seq", zh: "序号" }
    service_point() { en: "service point", zh: "用电点" }
    severity() { en: "severity", zh: "级别" }
    silent_meters() { en: "silent", zh: "无应答表数" }
    slot() { en: "slot", zh: "采集点" }
    state() { en: "state", zh: "状态" }
    success_percent() { en: "success %", zh: "成功率%" }
    suspect() { en: "suspect", zh: "可疑" }
    time() { en: "time", zh: "时间" }
    unit() { en: "unit", zh: "单位" }
    until() { en: "until", zh: "止" }
    value() { en: "value", zh: "数值" }
    version() { en: "version", zh: "版本" }
    waiting() { en: "waiting", zh: "等待" }
    window() { en: "window", zh: "时段" }
    slots() { en: "slots", zh: "采集点数" }
    series() { en: "series", zh: "系列" }
    next() { en: "next try", zh: "下次" }
    within() { en: "right", zh: "合格" }
    within_percent() { en: "right %", zh: "合格率%" }
    worst_seconds() { en: "worst, s", zh: "最大偏差(秒)" }
    band() { en: "band", zh: "区间" }
    clock_offset() { en: "meter − host, s", zh: "时钟偏差(秒)" }
}
