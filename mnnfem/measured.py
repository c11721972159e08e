"""Materials that soft bodies are made of, with where each number was read.

What is measured is the resistance to a change of shape. None of the sources identifies the bulk modulus, so `law` takes
Poisson's ratio at rest, 0.49 unless said otherwise: 0.4999 is for the mixed form. Silicones and rubbers differ from batch to
batch, with their cure, with speed and with how far they have been stretched before (Mullins): by a factor of up to two
between the sources of one product. Measure yours where forces matter; displacements under prescribed displacements hardly do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mnnfem.errors import unknown_name
from mnnfem.material import Law, bulk_of
from mnnfem.rubbers import IsochoricNeoHookean, MooneyRivlin, Ogden, Yeoh


@dataclass(frozen=True)
class Measured:
    """A set of parameters.

    make      bulk modulus, MPa -> law
    shear     modulus at rest, MPa
    density   kg/m^3, None where the source has none
    stretch   the largest in the test that the numbers were fitted to
    source    of the numbers, and what was done to them
    """

    make: Callable[[float], Law]
    shear: float
    density: float | None
    stretch: float
    source: str

    def law(self, poisson: float = 0.49) -> Law:
        """The law, its bulk modulus by Poisson's ratio at rest."""
        return self.make(bulk_of(self.shear, poisson))


def material(name: str) -> Measured:
    """A set by its name in `MATERIALS`; InputError for an unknown one, with the nearest."""
    if name not in MATERIALS:
        raise unknown_name("material", name, MATERIALS)
    return MATERIALS[name]


def _neo_hookean(shear: float, density: float | None, stretch: float, source: str) -> Measured:
    return Measured(lambda bulk: IsochoricNeoHookean(shear, bulk), shear, density, stretch, source)


def _mooney_rivlin(c10: float, c01: float, density: float | None, stretch: float, source: str) -> Measured:
    return Measured(lambda bulk: MooneyRivlin(c10, c01, bulk), 2 * (c10 + c01), density, stretch, source)


def _yeoh(c10: float, c20: float, c30: float, density: float | None, stretch: float, source: str) -> Measured:
    return Measured(lambda bulk: Yeoh(c10, c20, c30, bulk), 2 * c10, density, stretch, source)


_SHEET = "100 % modulus of Smooth-On's technical bulletin, {} psi (as quoted by users of it), mu = P / 1.75"
_SOROTOKI = "Caasenbrood, Sorotoki, preset {}; no source given there"
MATERIALS: Mapping[str, Measured] = {
    "agilus30": _mooney_rivlin(
        0.02833,
        0.11249,
        1140.0,
        1.36,
        "PolyJet, uniaxial 0.003 to 0.3 / s, 600 s of relaxation: c10, c01 = 0.24793, 0.98449 MPa at once, times the share "
        "0.11427 that does not relax; Dummer, dogbone-experiments, qlv_marmot_params.csv, A100V0. Its glass transition is near "
        "room temperature: fast motion meets up to nine times the stiffness",
    ),
    "tpu_95a": _mooney_rivlin(
        1.1004,
        5.5897,
        1220.0,
        4.0,
        "filament, first pull at 0.08 / s: this project's least-squares fit to 'NinjaTek Cheetah' in MacCurdy Lab, SoRoForge "
        "(doi 10.1089/3dp.2023.0010), 8 specimens, rms 4.7 % of the largest stress and worst below 20 %; density: Ultimaker",
    ),
    "dragon_skin_10": _neo_hookean(0.0867, 1070.0, 2.0, _SHEET.format(22)),
    "dragon_skin_20": _neo_hookean(0.1931, 1080.0, 2.0, _SHEET.format(49)),
    "dragon_skin_30": _neo_hookean(0.3388, 1080.0, 2.0, _SHEET.format(86)),
    "dragon_skin_10_yeoh": _yeoh(0.036, 0.25e-3, 0.023e-3, 1070.0, 4.0, _SOROTOKI.format("Dragonskin10")),
    "ecoflex_0030": _yeoh(
        0.017,
        -0.2e-3,
        0.023e-3,
        1070.0,
        4.0,
        _SOROTOKI.format("Ecoflex0030")
        + "; E = 102 kPa at rest agrees with 97 +- 4 kPa in compression of Dawood's phantom database",
    ),
    "ecoflex_0050": _neo_hookean(0.0473, 1070.0, 2.0, _SHEET.format(12)),
    "pdms_10_1": _neo_hookean(
        0.667,
        1030.0,
        1.0,
        "Sylgard 184, 10 : 1, E = 20 MPa over the ratio in compression, mu = E / 3: J. Appl. Polym. Sci. 131, 41050, 2014. "
        "Between 1.32 and 2.97 MPa by the cure's temperature: Johnston et al., J. Micromech. Microeng. 24, 035017, 2014",
    ),
    "rtv615": _yeoh(0.1621, 0.0142, 0.0009, None, 2.9, _SOROTOKI.format("RTV615") + "; fits Marechal et al. 2021 to 0.2 %"),
    "treloar": Measured(
        lambda bulk: Ogden((0.63, 0.0012, -0.01), (1.3, 5.0, -2.0), bulk),
        0.4225,
        None,
        7.6,
        "vulcanised rubber of Treloar 1944, in Ogden's three terms of 1972; 7 to 9 % from the data in uniaxial, planar and "
        "equibiaxial tension",
    ),
}
