"""Symbols of substances, whose letters aren't those of their names: "5-HT" is serotonin, "K+" potassium."""

import re

_NAMES = {
    # elements, ions and small molecules
    "Ag": "silver", "Au": "gold", "Ca2+": "calcium", "Ca++": "calcium", "Cu": "copper", "Fe": "iron",
    "Hg": "mercury", "K": "potassium", "K+": "potassium", "Na": "sodium", "Na+": "sodium", "Pb": "lead",
    "Sb": "antimony", "Sn": "tin", "CH4": "methane", "CO2": "carbon dioxide", "H2O": "water",
    "H2O2": "hydrogen peroxide", "H2S": "hydrogen sulfide", "HCl": "hydrochloric acid",
    "KCl": "potassium chloride", "N2": "nitrogen", "NaCl": "sodium chloride", "NH3": "ammonia",
    "NH4+": "ammonium", "O2": "oxygen", "O3": "ozone", "EtOH": "ethanol", "MeOH": "methanol",
    # transmitters and hormones
    "5-HT": "serotonin", "5HT": "serotonin", "GABA": "gamma-aminobutyrate", "NA": "noradrenaline",
    "E2": r"(?:17[ -]?(?:beta|b)[ -])?o?estradiol", "P4": "progesterone", "T3": "triiodothyronine",
    "T4": "thyroxine", "PRL": "prolactin", "AVP": "vasopressin", "ADH": "vasopressin",
    "1,25(OH)2D3": r"(?:calcitriol|1,25-dihydroxycholecalciferol|1,25-dihydroxy-?vitamin D(?:3|\(3\)))",
    "25(OH)D3": r"(?:calcidiol|25-hydroxycholecalciferol|25-hydroxy-?vitamin D(?:3|\(3\)))",
    "IP3": r"(?:D-?)?(?:myo-?)?inositol[ -]1,4,5[ -]tris?phosphate",
    "GSH": "glutathione", "Hcy": "homocysteine", "BH4": "tetrahydrobiopterin",
    "AdoMet": "S-adenosylmethionine", "SAM": "S-adenosylmethionine",
    # drugs
    "Ara-C": "cytarabine", "AraC": "cytarabine", "ASA": "aspirin", "APAP": "acetaminophen",
    "AZT": "zidovudine", "ZDV": "zidovudine", "3TC": "lamivudine", "ddI": "didanosine", "ddC": "zalcitabine",
    "d4T": "stavudine", "BCNU": "carmustine", "CCNU": "lomustine", "CDDP": "cisplatin", "DDP": "cisplatin",
    "CPT-11": "irinotecan", "VP-16": "etoposide", "VP16": "etoposide", "VCR": "vincristine",
    "ADM": "doxorubicin", "ADR": "doxorubicin", "5-FU": "fluorouracil", "L-PAM": "melphalan",
    "DPH": "phenytoin", "PHT": "phenytoin", "CPZ": "chlorpromazine", "INH": "isoniazid", "TMX": "tamoxifen",
    "PCP": "phencyclidine", "THC": "tetrahydrocannabinol", "GTN": "nitroglycerin", "NTG": "nitroglycerin",
    "L-dopa": "levodopa", "MDMA": "ecstasy", "5-ASA": "mesala[mz]ine",
}  # fmt: skip
_PATTERNS = {symbol: re.compile(rf"(?<![\w-]){name}\Z", re.IGNORECASE) for symbol, name in _NAMES.items()}
_BRACKETS = re.compile(r"\((\d+)\)")


def name_of(symbol: str, text: str) -> int | None:
    """Where in a text the name of a substance begins that ends with it; None if it isn't there.

    Args:
        symbol: a symbol, its numbers perhaps in brackets: "H(2)O(2)".
        text: a text.
    """
    plain = _BRACKETS.sub(r"\1", symbol).replace("-(OH)", "(OH)")
    pattern = _PATTERNS.get(plain) or _PATTERNS.get(plain[:1].upper() + plain[1:])
    found = pattern.search(text) if pattern else None
    return found.start() if found else None
