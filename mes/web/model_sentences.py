"""Why a model package or a pipeline cannot be used, in Chinese: the words of agents and of `qc_vision.runtime`.

Agents report reasons in English, as they stand in their logs; each here is a pattern over such a sentence.
"""

from __future__ import annotations

import re
from typing import Final

_REFUSALS_ZH: Final[tuple[tuple[str, str], ...]] = (
    (r"model (\S+) cannot be used: (?P<why>.+)", "模型 {0} 无法使用：{why}"),
    (r"model (\S+) here is (\S+), the MES wants (\S+)", "此处的模型 {0} 为 {1}，MES 要求 {2}"),
    (r"package (\S+) did not arrive: (?P<why>.+)", "模型包 {0} 未送达：{why}"),
    (r"no package of this name ships with the agent", "代理没有附带此名称的模型包"),
    (r"it was not fetched", "尚未取得"),
    (r"no folder", "没有存放模型包的文件夹"),
    (
        r"(\S+) has sha256 (\S+); the manifest says (\S+): the file was changed or belongs to another version",
        "{0} 的 SHA-256 为 {1}，清单记载为 {2}：文件已被更改，或属于另一版本",
    ),
    (r"(\S+) has opset (\S+); the manifest says (\S+)", "{0} 的算子集版本为 {1}，清单记载为 {2}"),
    (
        r"(\S+) has format (.+); this runtime reads format (\S+)",
        "{0} 的格式为 {1}，本程序读取格式 {2}",
    ),
    (r"(\S+), golden image of (.+), is missing", "缺少 {0}（节点 {1} 的标准图像）"),
    (r"(.+) is missing in the archive", "归档中缺少 {0}"),
    (r"the (?:picture|package) (\S+) is missing in the bundle", "流程包中缺少 {0}"),
    (r"(\S+) is missing", "缺少文件 {0}"),
    (r"(\S+) cannot be loaded: (.+)", "{0} 无法加载：{1}"),
    (r"(\S+) cannot be read: (.+)", "{0} 无法读取：{1}"),
    (r"(\S+) is not JSON: (.+)", "{0} 不是 JSON：{1}"),
    (r"(\S+) is incomplete or has unknown fields: (.+)", "{0} 不完整，或有未知字段：{1}"),
    (r"(\S+) takes (.+); the manifest says uint8 (.+)", "{0} 的输入为 {1}，清单记载为 uint8 {2}"),
    (r"(\S+) gives (.+); (.+) is missing", "{0} 的输出为 {1}，缺少 {2}"),
    (
        r"(\S+): node (.+) gives (\S+); the model takes (\S+)",
        "{0}：节点 {1} 给出 {2}，模型接受 {3}",
    ),
    (r"node (.+) has unknown kind (.+?)(?:; known: .+)?", "节点 {0} 的类型 {1} 未知"),
    (r"the archive has sha256 (\S+), announced was (\S+)", "归档的 SHA-256 为 {0}，预告为 {1}"),
    (r"the archive cannot be read: (.+)", "归档无法读取：{0}"),
    (r"(.+) is no file of a model package", "{0} 不是模型包中的文件"),
    (r"(.+) is no part of a pipeline's bundle", "{0} 不属于流程包"),
    (r"(\S+) is not what its name says", "{0} 的内容与名称不符"),
    (r"the (?:package|bundle) is larger than (\d+) MiB", "大于 {0} MiB"),
    (r"the manifest's parity (.+) has no raw score", "清单中的一致性记录 {0} 没有原始分数"),
    (
        r"the model does not compute here what it computed when it was made: the test pattern has"
        r" raw score (\S+), the manifest says (\S+) ± (\S+)",
        "模型在此处的计算结果与制作时不同：测试图案的原始分数为 {0}，清单记载为 {1} ± {2}",
    ),
    (r"the model gave no finite score", "模型没有给出有限的分数"),
    (r"the pipeline gave no verdict", "流程没有给出判定"),
    (r"\d{3} model\.unknown: .*?(\S+) is registered\.?", "MES 没有登记模型包 {0}"),
    (r"taken back by hand", "人工撤回"),
)
_PATTERNS: Final = tuple((re.compile(english, re.DOTALL), zh) for english, zh in _REFUSALS_ZH)


def refusal_zh(english: str) -> str | None:
    """Return a reason in Chinese; None for one that nobody has translated."""
    for pattern, chinese in _PATTERNS:
        match = pattern.fullmatch(english)
        if match is None:
            continue
        named = match.groupdict()
        if "why" in named:
            named["why"] = refusal_zh(named["why"]) or named["why"]
        return chinese.format(*match.groups(), **named)
    return None
