"""Cities of the country, where customers are: facts, unlike the companies in them."""

from typing import NamedTuple


class City(NamedTuple):
    name: str
    """Of two characters, so that a name that begins with it can be read in one way only."""
    spelt: str
    area_code: str
    province: str

    @property
    def full_name(self) -> str:
        """With its province: 浙江省宁波市; 上海市."""
        city = f"{self.name}市"
        return city if self.province == city else self.province + city


_TABLE = """
浙江省 杭州:hangzhou:0571 宁波:ningbo:0574 温州:wenzhou:0577 嘉兴:jiaxing:0573 绍兴:shaoxing:0575
浙江省 台州:taizhou:0576 金华:jinhua:0579
江苏省 南京:nanjing:025 苏州:suzhou:0512 无锡:wuxi:0510 常州:changzhou:0519 南通:nantong:0513
江苏省 扬州:yangzhou:0514 徐州:xuzhou:0516 盐城:yancheng:0515 泰州:taizhou:0523 镇江:zhenjiang:0511
江苏省 淮安:huaian:0517
上海市 上海:shanghai:021
北京市 北京:beijing:010
天津市 天津:tianjin:022
重庆市 重庆:chongqing:023
安徽省 合肥:hefei:0551
福建省 福州:fuzhou:0591 泉州:quanzhou:0595
江西省 南昌:nanchang:0791
山东省 济南:jinan:0531 青岛:qingdao:0532
广东省 广州:guangzhou:020 深圳:shenzhen:0755 佛山:foshan:0757 东莞:dongguan:0769
广东省 中山:zhongshan:0760 汕头:shantou:0754
湖北省 武汉:wuhan:027
湖南省 长沙:changsha:0731 株洲:zhuzhou:0731
河南省 郑州:zhengzhou:0371 洛阳:luoyang:0379 南阳:nanyang:0377
陕西省 西安:xian:029
四川省 成都:chengdu:028
云南省 昆明:kunming:0871
贵州省 贵阳:guiyang:0851
辽宁省 沈阳:shenyang:024 大连:dalian:0411
吉林省 长春:changchun:0431
海南省 海口:haikou:0898
"""
CITIES = tuple(
    City(name, spelt, area_code, province)
    for province, *cities in map(str.split, _TABLE.strip().splitlines())
    for name, spelt, area_code in (city.split(":") for city in cities)
)
"""All with numbers of eight digits."""
