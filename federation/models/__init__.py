"""Models fitted from statistics alone: pure functions of `Moments` that return data with `predict`."""

from federation.models.design import InputColumn
from federation.models.dispatch import Model, fit, from_dict
from federation.models.errors import ModelError
from federation.models.lda import LdaModel, fit_lda
from federation.models.linear import INTERCEPT, LinearModel, fit_linear
from federation.models.pca import PcaModel, fit_pca

__all__ = [
    "INTERCEPT",
    "InputColumn",
    "LdaModel",
    "LinearModel",
    "Model",
    "ModelError",
    "PcaModel",
    "fit",
    "fit_lda",
    "fit_linear",
    "fit_pca",
    "from_dict",
]
