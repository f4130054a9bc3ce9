"""Where remediation scripts are kept: a folder, or an S3 bucket and prefix."""
