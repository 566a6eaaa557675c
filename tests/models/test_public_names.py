"""The names that other rooms may use."""

from __future__ import annotations

from federation import explore, models


def test_public_names() -> None:
    assert sorted(explore.__all__) == ["DRIFTS", "Drift", "METRICS", "Metric", "drift", "explore", "find"]
    assert sorted(models.__all__) == sorted(
        [
            *("ALGORITHMS", "Algorithm", "INTERCEPT", "InputColumn", "LdaModel", "LinearModel", "Model"),
            *("EvtModel", "EvtSettings", "watch"),
            *("MahalanobisModel", "fit_mahalanobis"),
            *("ReconstructionModel", "fit_reconstruction"),
            *("EcodModel", "fit_ecod"),
            *("HbaModel", "fit_hba"),
            *("MqdaModel", "fit_mqda"),
            *("MarkovModel", "fit_markov"),
            *("BayesModel", "MldaModel", "fit_bayes", "fit_mlda"),
            *("ModelError", "Parameter", "PcaModel", "PenalisedModel"),
            *("fit", "fit_lda", "fit_linear", "fit_pca", "fit_penalised", "from_dict"),
            *("PcrModel", "fit_pcr"),
            *("PlsModel", "fit_pls"),
            *("SvmModel", "fit_svm", "fit_svr"),
            *("PowerModel", "fit_power", "expand", "powers_between"),
            *("CovarianceModel", "fit_covariance"),
        ]
    )
