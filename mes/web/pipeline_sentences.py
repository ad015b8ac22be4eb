"""What problems, faults and changes of inspection pipelines are called in Chinese."""

from __future__ import annotations

from collections.abc import Mapping

PIPELINE_SENTENCES_ZH: Mapping[str, str] = {
    "pipeline.already_published": "{pipeline} 已在 {camera} 判定。",
    "pipeline.cannot_run": "该流程无法运行：{why}",
    "pipeline.changed_meanwhile": "{by} 已保存“{name}”第 {current} 版，您是从第 {seen} 版开始编辑的：{difference}",
    "pipeline.has_judged": "“{name}”曾发布到 {cameras}：已有判定引用它，因此保留。",
    "pipeline.if_match_required": "请在 If-Match 头中给出您所编辑的流程版本；流程的 ETag 就是它。",
    "pipeline.if_match_unreadable": '流程的 If-Match 须为带引号的版本号，如 "3"，而不是 {given}。',
    "pipeline.name_taken": "已有名为“{name}”的流程。",
    "pipeline.nothing_on_trial": "{camera} 没有试用中的流程。",
    "pipeline.nothing_published": "{camera} 没有已发布的流程；由其模型单独判定。",
    "pipeline.trial_runs": "{camera} 已在试用 {pipeline}；请先提升或回退。",
    "pipeline.unknown": "没有流程 {pipeline}。",
    "pipeline.unknown_sample": "没有名为 {sample} 的示例；现有：{known}。",
    "pipeline.unknown_version": "流程“{name}”没有第 {number} 版；最新为第 {head} 版。",
    "pipeline.unreadable": "这不是流程：{why}",
}

PIPELINE_RULES_ZH: Mapping[str, str] = {
    "pipeline.cycle": "节点“{node}”处于环路中：{way}",
    "pipeline.unknown_kind": "节点“{node}”的类型 {kind} 未知；可用：{known}",
    "pipeline.unknown_setting": "节点“{node}”（{kind}）没有设置项 {setting}",
    "pipeline.missing_setting": "节点“{node}”缺少设置项 {setting}",
    "pipeline.wrong_setting": "节点“{node}”的设置项 {setting} 应为 {wish}，而不是 {value}",
    "pipeline.unknown_input": "节点“{node}”（{kind}）没有输入 {inlet}",
    "pipeline.missing_input": "节点“{node}”的输入 {inlet} 未连接",
    "pipeline.too_many": "节点“{node}”的输入 {inlet} 只能接一条连线，而不是 {count} 条",
    "pipeline.no_such_node": "节点“{node}”的输入 {inlet} 来自不存在的“{source}”",
    "pipeline.wrong_type": "节点“{node}”的输入 {inlet} 接受 {takes}；“{source}”给出 {gives}",
    "pipeline.no_limit": "节点“{node}”需要下限、上限或两者",
    "pipeline.limits_crossed": "节点“{node}”的下限 {low} 高于上限 {high}",
    "pipeline.never_nok": "节点“{node}”要求 {wanted} 个输入不合格；只连接了 {count} 个",
    "pipeline.one_source": "流程须恰有一个图像源；现有：{found}",
    "pipeline.one_sink": "流程须恰有一个终点；现有：{found}",
    "pipeline.leads_nowhere": "节点“{node}”没有通向终点：它的结果不会计入判定",
    "pipeline.unchecked_picture": "节点“{node}”测量的图像未经质量检查；请在其前放置“图像质量”节点",
    "pipeline_change.removed": "“{node}”（{kind}）已删除",
    "pipeline_change.added": "“{node}”（{kind}）为新增",
    "pipeline_change.other_kind": "“{node}”由 {old} 改为 {new}",
    "pipeline_change.setting": "“{node}”的 {setting}：{old} → {new}",
    "pipeline_change.disconnected": "“{source}”不再接到“{node}”的 {inlet}",
    "pipeline_change.connected": "“{source}”接到“{node}”的 {inlet}",
}
"""By rule, as `qc_vision.pipelines` names it."""
