"""Every metric, one file each; `registry` finds them."""
