"""Post-training quantization: linear layers, scikit-learn's linear models, PyTorch modules.

How the rooms fit together::

    _grids        the values a weight may take       _packing   codes of b bits
    _gram         RTN, GPTQ and its polish, from the Gram matrix of the calibration rows
    _minmax       the dense engine on the rows themselves
    _calibration  rows in memory or out of it        _layer     `QuantizedLinear`
    _linear       `quantize_linear`                  _estimators, _module: scikit-learn, PyTorch
"""
