"""What the metrics of enhanced speech are called. It stands apart, so that a network's buffer can be as long as they
are many, and who reads its weights depends on no more."""

# As `scoring.enhancement` and `scoring.judges` name them, which load what measures them
OF_PAIRS = ("pesq", "pesq_nb", "stoi", "estoi", "ssnr", "llr", "wss", "csig", "cbak", "covl", "si_sdr")
OF_JUDGES = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "distillmos", "speaker_similarity")
METRICS = (*OF_PAIRS, *OF_JUDGES)
OPTIMISED = "optimised"  # column of predictions; buffer of a network
