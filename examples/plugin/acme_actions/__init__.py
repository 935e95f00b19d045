"""Parcel labels for stageauto: `print_label`, `parcel.scanned` and channels of type `label_printer`."""
