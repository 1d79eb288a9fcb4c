"""The DICOM listener: streams each instance, sealed, into the spool."""
