"""What is said while something is sold and served: parts of texts, as in ``sayings``."""

from adapters.demo.sayings import Saying

_ANSWERS = (
    "对方正在比较{few}家，希望{days}天内看到报价。",
    "约定{days}天内发方案。",
    "{person}要先向领导汇报。",
)
ANSWERS_OF_MACHINES = (
    Saying(
        "call",
        "首次回复客户询价",
        (
            "向{person}介绍了{product}的配置和交货期。",
            "{person}关心{product}的精度和节拍，已发技术参数表。",
            "了解了安装{product}的现场条件，需要安排工程师勘查。",
        ),
        _ANSWERS,
    ),
)
ANSWERS_OF_PARTS = (
    Saying(
        "call",
        "首次回复客户询价",
        (
            "与{person}核对了{product}的规格和适用机型。",
            "向{person}说明了{product}的库存和到货时间。",
            "{person}关心{product}的使用寿命，已发检测报告。",
        ),
        _ANSWERS,
    ),
)
REPEATS = (
    Saying(
        "call",
        "老客户追加采购",
        (
            "{person}说{next_month}要用，按上次的配置再订{product}。",
            "{person}按{next_quarter}计划追加{product}。",
            "新增一个班组，{person}要同型号的{product}。",
        ),
        ("要求沿用原合同条款。", "希望{days}天内到货。", "请我们先发报价单。", "付款方式不变。"),
    ),
)
VISITS_OF_MACHINES = (
    Saying(
        "visit",
        "上门拜访",
        ("与{person}看了安装{product}的位置，", "现场量了{product}的地基和通道，"),
        ("地面和电源条件满足要求。", "电源容量不足，对方{next_month}增容。", "需要加固地面。"),
    ),
    Saying(
        "meeting",
        "技术交流",
        ("与工艺、设备两个部门讨论{product}的加工节拍，", "向{person}等讲解{product}的方案，"),
        ("对方提出增加自动上下料。", "对方要求节拍再快{percent}%。", "对方要求列出备件清单。"),
    ),
    Saying(
        "visit",
        "样件试加工",
        ("带回{few}件样件，在{product}上试加工，", "{person}到场看{product}试切样件，"),
        ("客户对表面粗糙度满意。", "尺寸合格，节拍还需优化。", "一处超差，{days}天内重做。"),
    ),
    Saying(
        "visit",
        "邀请参观工厂",
        ("{person}一行{few}人参观装配车间，", "陪{person}到在用{product}的用户现场，"),
        ("对装配质量认可。", "关心售后响应时间。", "希望看验收记录。"),
    ),
)
VISITS_OF_PARTS = (
    Saying(
        "visit",
        "送样试用",
        ("给{person}送去一套{product}试用，", "{product}试用{days}天后回访，"),
        ("寿命比现用的长约{percent}%。", "与现用的相当。", "客户认可，要求报批量价。"),
    ),
    Saying(
        "meeting",
        "讨论供货方式",
        ("与{person}讨论{product}按月供货，", "与仓库讨论{product}的最低库存，"),
        ("对方倾向寄售。", "对方要求{days}天补货。", "对方要先看价格。"),
    ),
)
TERMS = (
    Saying(
        "meeting",
        "商务谈判",
        ("与{person}谈{product}的付款条件，", "就{product}的合同条款交换意见，"),
        (
            "对方希望付款改为三三三一。",
            "对方要求质保期延长到两年。",
            "对方要求再让{percent}%，需请示。",
            "除交货期外已基本谈妥。",
        ),
    ),
)
"""What is said while an opportunity is worked on: before there is a proposal, and after it."""
ON_SITE = (
    Saying(
        "visit",
        "现场服务",
        ("到现场检查{product}，", "{person}陪同查看{product}，", "带备件到现场处理{product}，"),
        ("更换损坏的零件并试运行。", "测量并拍照，带回数据分析。", "调整后运行{few}小时正常。"),
    ),
)
