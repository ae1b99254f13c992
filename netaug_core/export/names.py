"""The files that a finished run leaves for its user."""

MODEL_SAFETENSORS = "model.safetensors"
MODEL_ONNX = "model.onnx"
MODEL_CARD_JSON = "model_card.json"
MODEL_CARD_MD = "model_card.md"
METRICS_CSV = "metrics.csv"
PR_CURVES = "pr_curves.png"  # of a detector
SAMPLES = "samples.png"  # likewise
