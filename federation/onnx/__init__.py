"""Models as ONNX files, for whatever runs ONNX: the extra `onnx`.

An attribute is an input tensor of its own name, (rows,): double for a number, NaN where it is missing;
string for a category, "" where it is missing. The outputs are those of the model's `predict`, each (rows,),
under the same keys. Where `predict` refuses a row (an infinite value, a level that nothing is known of), ONNX
has no errors to raise: its answers for that row are NaN or "".
"""

from federation.onnx.export import EXPORTERS, export

__all__ = ["EXPORTERS", "export"]
