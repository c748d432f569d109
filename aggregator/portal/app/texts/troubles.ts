/** Units, meters, and what is wrong with them. */
export const troubles: Readonly<Record<string, string>> = {
  // Troubles
  suspended: "已停用",
  "What it signs counts for nothing. A member or its owner resumes it; it keeps what it reads.":
    "它的签名暂不算数。由成员或业主恢复;它会保留读到的数据。",
  "no reading has ever come": "从未收到读数",
  "Is the unit switched on and enrolled? Its status page says whether it reaches the meter.":
    "装置通电并登记了吗?它的状态页会说明能否读到电表。",
  "silent for {time}": "已静默{time}",
  "Look at the unit’s status page: power, network, and the cable to the meter. What it read meanwhile comes later.":
    "查看装置的状态页:电源、网络、到电表的线缆。其间读到的数据稍后会补上。",
  "not connected": "未连接",
  "The unit keeps what it reads and sends it when it is back. Look at its power and its network.":
    "装置会保留读数,恢复后补发。请检查它的电源和网络。",
  "two units sign in with its name, from {detail}": "有两台装置用它的名字登录,来自{detail}",
  "Switch one of them off, or enrol it with an id and a key of its own.":
    "关掉其中一台,或用独立的编号和密钥重新登记。",
  "its clock is {time} ahead": "时钟快了{time}",
  "Set the unit’s clock: point it at a time server, then restart it.":
    "校准装置的时钟:指定时间服务器,然后重启。",
  "its clock was set by nobody": "时钟未经校准",
  "Give the unit a time server; until then its readings are less sure.":
    "给装置指定时间服务器;此前它的读数不够可靠。",
  "its readings come {time} late": "读数晚到{time}",
  "It is catching up after a break; nothing is lost. Where it stays so, the link is too slow.":
    "中断后正在补发,不会丢失。若一直如此,说明链路太慢。",
  "{value} slots of the last week are missing": "上周缺失{value}个时段",
  "They are settled as contracted until readings come or the members correct them.":
    "在读数到达或成员更正之前,按合同结算。",
  "this member is not reached": "无法连到该成员",
  "Call whoever runs it. The link says: {detail}": "请联系其运营方。链路报告:{detail}",
  "this member signed two words that exclude each other": "该成员签署了两份互相矛盾的消息",
  "The proof is on the ledger. Talk to it; the members can suspend it.":
    "证据已在账本上。请与其沟通;成员可以将其停用。",
  "from block {value} on it computes other results than the others":
    "自区块{value}起,它的计算结果与其他成员不同",
  "Its program or its machine is not what it should be: compare versions, restore it.":
    "它的程序或机器不对:请核对版本并恢复。",
  "a motion waits for votes: {detail}": "有动议等待表决:{detail}",
  "Vote on the page Members.": "请在“成员”页面表决。",
  "the books do not balance: {detail}": "账目不平衡:{detail}",
  "This must never be. Stop the aggregator, keep its files, and verify the ledger.":
    "这绝不应发生。请停止聚合器,保留文件,并验证账本。",
  "{value} notices could not be delivered": "{value}条通知无法送达",
  "Look at them with busbar-aggregator notices, and send them again.":
    "用 busbar-aggregator notices 查看并重发。",
  "{n} s": "{n}秒",
  "{n} min": "{n}分钟",
  "{h} h {n} min": "{h}小时{n}分钟",
  "{d} d {h} h": "{d}天{h}小时",
  "{count} now": "当前{count}条",
  "No alarm. Everything is as it should be.": "没有告警,一切正常。",
  Resolved: "已解除",
  "since this aggregator was started": "自聚合器启动以来",
  "None yet.": "暂无。",
  "since {time}": "自{time}",
  "{from} to {to}": "{from}至{to}",
  // Devices
  "No unit yet.": "还没有装置。",
  "A unit stands here once a member admitted it.": "成员接纳后,装置会列在这里。",
  "connected here from {address} since {time}": "自{time}从{address}连到此处",
  "not connected to this member": "未连到该成员",
  "Meters of {device}": "{device}的电表",
  Meter: "电表",
  Power: "功率",
  "Newest reading": "最新读数",
  "Came after": "到达延迟",
  Receipt: "回执",
  "Measured, 7 days": "7天实测率",
  "block {height}": "区块{height}",
  Good: "正常",
  "Look at it": "请留意",
  "Needs you": "需要处理",
  "its certificate ends in {value} days": "证书还有{value}天到期",
  "Renew it at the unit; without one it is not let in any more.":
    "请在装置上更新证书;没有证书将无法接入。",
  "its broker’s certificate ends in {value} days": "其消息代理的证书还有{value}天到期",
  "Renew it; the broker takes a new file without a restart.":
    "请更新;代理会自动读取新文件,无需重启。",
  "its membership ends in {value} days": "其成员资格还有{value}天到期",
  "It asks for a longer term (join --renew), and the others vote on it.":
    "由它申请延期(join --renew),其他成员表决。",
  "certificate for {days} days": "证书剩余{days}天",
};
