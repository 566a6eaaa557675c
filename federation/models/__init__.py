"""Models fitted from statistics alone: pure functions of `Moments` that return data with `predict`."""

from federation.models.algorithm import Algorithm, Model, Parameter
from federation.models.bayes import BayesModel, fit_bayes
from federation.models.design import InputColumn
from federation.models.dispatch import ALGORITHMS, fit, from_dict
from federation.models.errors import ModelError
from federation.models.lda import LdaModel, fit_lda
from federation.models.linear import INTERCEPT, LinearModel, fit_linear
from federation.models.mahalanobis import MahalanobisModel, fit_mahalanobis
from federation.models.mlda import MldaModel, fit_mlda
from federation.models.pca import PcaModel, fit_pca
from federation.models.penalised import PenalisedModel, fit_penalised
from federation.models.reconstruction import ReconstructionModel, fit_reconstruction

__all__ = [
    "ALGORITHMS",
    "INTERCEPT",
    "Algorithm",
    "BayesModel",
    "InputColumn",
    "LdaModel",
    "LinearModel",
    "MahalanobisModel",
    "MldaModel",
    "Model",
    "ModelError",
    "Parameter",
    "PcaModel",
    "PenalisedModel",
    "ReconstructionModel",
    "fit",
    "fit_bayes",
    "fit_lda",
    "fit_linear",
    "fit_mahalanobis",
    "fit_mlda",
    "fit_pca",
    "fit_penalised",
    "fit_reconstruction",
    "from_dict",
]
