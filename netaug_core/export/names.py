"""The files that a finished run leaves for its user."""

MODEL_SAFETENSORS = "model.safetensors"
MODEL_ONNX = "model.onnx"
MODEL_INT8 = "model_int8.safetensors"
MODEL_INT8_ONNX = "model_int8.onnx"
MODEL_C = "model_c.zip"
MODEL_CARD_JSON = "model_card.json"
MODEL_CARD_MD = "model_card.md"
METRICS_CSV = "metrics.csv"
PR_CURVES = "pr_curves.png"  # of a detector
SAMPLES = "samples.png"  # likewise
