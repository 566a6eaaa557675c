"""Models fitted from statistics alone: pure functions of `Moments` that return data with `predict`."""

from federation.models.algorithm import Algorithm, Model, Parameter
from federation.models.bayes import BayesModel, fit_bayes
from federation.models.covariance import CovarianceModel, fit_covariance
from federation.models.design import InputColumn
from federation.models.dispatch import ALGORITHMS, fit, from_dict
from federation.models.ecod import EcodModel, fit_ecod
from federation.models.errors import ModelError
from federation.models.evt import EvtModel, EvtSettings, watch
from federation.models.hba import HbaModel, fit_hba
from federation.models.lda import LdaModel, fit_lda
from federation.models.linear import INTERCEPT, LinearModel, fit_linear
from federation.models.mahalanobis import MahalanobisModel, fit_mahalanobis
from federation.models.markov import MarkovModel, fit_markov
from federation.models.mlda import MldaModel, fit_mlda
from federation.models.mqda import MqdaModel, fit_mqda
from federation.models.pca import PcaModel, fit_pca
from federation.models.pcr import PcrModel, fit_pcr
from federation.models.penalised import PenalisedModel, fit_penalised
from federation.models.pls import PlsModel, fit_pls
from federation.models.power import PowerModel, expand, fit_power, powers_between
from federation.models.reconstruction import ReconstructionModel, fit_reconstruction
from federation.models.svm import SvmModel, fit_svm, fit_svr

__all__ = [
    "ALGORITHMS",
    "INTERCEPT",
    "Algorithm",
    "BayesModel",
    "CovarianceModel",
    "EcodModel",
    "EvtModel",
    "EvtSettings",
    "HbaModel",
    "InputColumn",
    "LdaModel",
    "LinearModel",
    "MahalanobisModel",
    "MarkovModel",
    "MldaModel",
    "Model",
    "ModelError",
    "MqdaModel",
    "Parameter",
    "PcaModel",
    "PcrModel",
    "PenalisedModel",
    "PlsModel",
    "PowerModel",
    "ReconstructionModel",
    "SvmModel",
    "expand",
    "fit",
    "fit_bayes",
    "fit_covariance",
    "fit_ecod",
    "fit_hba",
    "fit_lda",
    "fit_linear",
    "fit_mahalanobis",
    "fit_markov",
    "fit_mlda",
    "fit_mqda",
    "fit_pca",
    "fit_pcr",
    "fit_penalised",
    "fit_pls",
    "fit_power",
    "fit_reconstruction",
    "fit_svm",
    "fit_svr",
    "from_dict",
    "powers_between",
    "watch",
]
