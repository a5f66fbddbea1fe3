"""What hears: voice activity, turns, speech to text.

It takes samples and gives words or times; what a session makes of them is not its business.
"""

import os

# onnxruntime reports to its maker unless this is set before it is loaded (its Privacy.md).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
