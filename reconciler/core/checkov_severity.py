"""How bad a finding of Checkov is, and of which category: our map, by check id.

Checkov's own severities need its vendor's service, so there are none. What is not named here gets
`DEFAULT`. An id is in the form of the table: `AWS_16` is CKV_AWS_16, `2AWS_6` is CKV2_AWS_6.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from reconciler.model.base import Category
from reconciler.model.finding import Severity


@dataclass(frozen=True, slots=True)
class Weight:
    """How bad, and of which category."""

    severity: Severity
    category: Category


DEFAULT: Final = Weight("medium", "security")
"""For a check that the table does not name: it counts, and somebody ought to give it a place."""

_TABLE: Final[dict[tuple[Severity, Category], str]] = {
    # Anybody can take it over, or read it.
    ("critical", "security"): """
        AWS_1 AWS_20 AWS_24 AWS_25 AWS_32 AWS_33 AWS_41 AWS_45 AWS_46 AWS_57 AWS_59 AWS_62 AWS_63
        AWS_70 AWS_72 AWS_100 AWS_167 AWS_168 AWS_169 AWS_192 AWS_258 AWS_274 AWS_275 AWS_277
        AWS_283 AWS_295 AWS_301 AWS_302 AWS_303 AWS_348 AWS_358 AWS_375 AWS_387 AWS_391 AWS_393
        2AWS_7 2AWS_36 2AWS_40 2AWS_43 2AWS_56
    """,
    # Data lies open to whoever gets one step in, or a guard is missing altogether.
    ("high", "security"): """
        AWS_2 AWS_3 AWS_5 AWS_6 AWS_8 AWS_16 AWS_17 AWS_19 AWS_26 AWS_27 AWS_29 AWS_30 AWS_31 AWS_34
        AWS_38 AWS_39 AWS_42 AWS_43 AWS_44 AWS_47 AWS_49 AWS_53 AWS_54 AWS_55 AWS_56 AWS_58 AWS_60
        AWS_61 AWS_64 AWS_69 AWS_74 AWS_77 AWS_78 AWS_79 AWS_81 AWS_83 AWS_87 AWS_88 AWS_89 AWS_90
        AWS_94 AWS_96 AWS_97 AWS_99 AWS_102 AWS_103 AWS_105 AWS_107 AWS_108 AWS_109 AWS_110 AWS_111
        AWS_137 AWS_140 AWS_146 AWS_155 AWS_156 AWS_159 AWS_164 AWS_174 AWS_202 AWS_205 AWS_206
        AWS_210 AWS_213 AWS_218 AWS_220 AWS_228 AWS_231 AWS_232 AWS_235 AWS_239 AWS_240 AWS_279
        AWS_286 AWS_287 AWS_288 AWS_289 AWS_290 AWS_291 AWS_292 AWS_309 AWS_316 AWS_333 AWS_334
        AWS_335 AWS_341 AWS_349 AWS_350 AWS_351 AWS_357 AWS_364 AWS_365 AWS_366 AWS_371 AWS_376
        AWS_379 AWS_380 AWS_385 AWS_388 AWS_389 AWS_390 AWS_392 2AWS_2 2AWS_6 2AWS_20 2AWS_44
        2AWS_46 2AWS_49 2AWS_52 2AWS_54 2AWS_66 2AWS_68 2AWS_69 2AWS_70 2AWS_72 2AWS_74
    """,
    ("medium", "security"): """
        AWS_22 AWS_40 AWS_51 AWS_68 AWS_93 AWS_98 AWS_106 AWS_112 AWS_113 AWS_114 AWS_117 AWS_122
        AWS_123 AWS_127 AWS_130 AWS_131 AWS_148 AWS_154 AWS_161 AWS_162 AWS_163 AWS_170 AWS_173
        AWS_175 AWS_195 AWS_196 AWS_198 AWS_211 AWS_214 AWS_215 AWS_227 AWS_229 AWS_230 AWS_238
        AWS_248 AWS_249 AWS_250 AWS_253 AWS_255 AWS_259 AWS_273 AWS_276 AWS_304
        AWS_306 AWS_307 AWS_308 AWS_311 AWS_323 AWS_328 AWS_329 AWS_330 AWS_331 AWS_336 AWS_339
        AWS_342 AWS_352 AWS_355 AWS_356 AWS_359 AWS_363 AWS_369 AWS_370 AWS_377 AWS_382
        AWS_383 AWS_386 2AWS_22 2AWS_29 2AWS_32 2AWS_33 2AWS_34 2AWS_37
        2AWS_38 2AWS_41 2AWS_47 2AWS_51 2AWS_53 2AWS_55 2AWS_57 2AWS_64 2AWS_65 2AWS_71 2AWS_75
        2AWS_76 2AWS_77 2AWS_78 TF_1 TF_2
    """,
    # Good to have, or not for Checkov to see: a firewall for web requests (2AWS_28), signed code
    # (272), encryption behind a load balancer (378), port 80 that only leads to 443 (260), a
    # default security group that nothing is in (2AWS_12), GuardDuty of an organisation (2AWS_3).
    ("low", "security"): """
        AWS_23 AWS_82 AWS_216 AWS_226 AWS_305 AWS_320 AWS_321 AWS_322 AWS_332 AWS_374 AWS_207
        AWS_208 AWS_222 AWS_141 2AWS_1 2AWS_5 2AWS_14 2AWS_21 2AWS_23 2AWS_31 2AWS_35 2AWS_42
        2AWS_3 2AWS_12 2AWS_28 AWS_260 AWS_272 AWS_378
    """,
    # Encrypted already, and asked to be with a key of one's own; records that an auditor wants.
    ("medium", "compliance"): """
        AWS_7 AWS_9 AWS_10 AWS_11 AWS_12 AWS_13 AWS_14 AWS_15 AWS_18 AWS_35 AWS_36 AWS_37 AWS_48
        AWS_67 AWS_71 AWS_75 AWS_76 AWS_80 AWS_84 AWS_85 AWS_86 AWS_91 AWS_92 AWS_101 AWS_104
        AWS_121 AWS_129 AWS_176 AWS_193 AWS_194 AWS_197 AWS_223 AWS_224 AWS_234 AWS_242 AWS_243
        AWS_244 AWS_251 AWS_257 AWS_314 AWS_317 AWS_324 AWS_325 2AWS_4 2AWS_10 2AWS_11 2AWS_27
        2AWS_30 2AWS_39 2AWS_45 2AWS_48 2AWS_63
    """,
    ("low", "compliance"): """
        AWS_119 AWS_136 AWS_142 AWS_143 AWS_145 AWS_147 AWS_149 AWS_153 AWS_158 AWS_160 AWS_166
        AWS_171 AWS_177 AWS_178 AWS_179 AWS_180 AWS_181 AWS_182 AWS_183 AWS_184 AWS_185 AWS_186
        AWS_187 AWS_189 AWS_190 AWS_191 AWS_199 AWS_200 AWS_201 AWS_203 AWS_204 AWS_209 AWS_212
        AWS_219 AWS_221 AWS_236 AWS_241 AWS_245 AWS_246 AWS_247 AWS_252 AWS_254 AWS_256 AWS_262
        AWS_263 AWS_264 AWS_265 AWS_266 AWS_267 AWS_268 AWS_269 AWS_270 AWS_271 AWS_278 AWS_280
        AWS_281 AWS_282 AWS_294 AWS_296 AWS_297 AWS_298 AWS_313 AWS_327 AWS_337 AWS_338 AWS_345
        AWS_346 AWS_347 AWS_354 AWS_362 AWS_367 AWS_368 AWS_372 AWS_373 AWS_381 2AWS_60 2AWS_62
        2AWS_73
    """,
    # It will hurt when something breaks.
    ("high", "operational"): "AWS_139 AWS_293 2AWS_58",
    ("medium", "operational"): """
        AWS_21 AWS_28 AWS_134 AWS_165 AWS_172 AWS_261 AWS_319
        AWS_343 AWS_344 AWS_360 AWS_361 2AWS_8 2AWS_9 2AWS_15 2AWS_18 2AWS_50
    """,
    # Several zones (157), deletion protection (150) and days of backups (133) are judged by rules
    # of our own, by what the profile asks for; here they only advise.
    ("low", "operational"): """
        AWS_50 AWS_65 AWS_66 AWS_73 AWS_115 AWS_118 AWS_124 AWS_126 AWS_138 AWS_144 AWS_152 AWS_217
        AWS_233 AWS_237 AWS_284 AWS_285 AWS_310 AWS_312 AWS_315 AWS_318 AWS_326 AWS_340 AWS_353
        AWS_394 2AWS_16 2AWS_19 2AWS_59 AWS_157 AWS_150 AWS_116 AWS_133
    """,
    ("low", "cost"): "AWS_120 AWS_135 AWS_225 AWS_300 2AWS_61",
    ("high", "pipeline"): "GITLABCI_1",
    ("low", "pipeline"): "GITLABCI_2 GITLABCI_3",
}


@lru_cache(maxsize=1)
def _weights() -> dict[str, Weight]:
    found: dict[str, Weight] = {}
    for (severity, category), names in _TABLE.items():
        for name in names.split():
            rule = f"CKV2_{name[1:]}" if name.startswith("2") else f"CKV_{name}"
            if rule in found:
                msg = f"{rule} stands in the table twice"
                raise ValueError(msg)
            found[rule] = Weight(severity, category)
    return found


def weight(rule: str) -> Weight:
    """How bad a check's finding is."""
    return _weights().get(rule, DEFAULT)


def named(rule: str) -> bool:
    """Whether the table names a check, rather than leaving it to the default."""
    return rule in _weights()


@lru_cache(maxsize=1)
def map_digest() -> str:
    """Changes with every line of the table."""
    lines = "\n".join(f"{rule} {one}" for rule, one in sorted(_weights().items()))
    return hashlib.sha256(f"{DEFAULT}\n{lines}".encode()).hexdigest()
