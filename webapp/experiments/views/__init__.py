"""What the pages of experiments choose to show, one module a page."""
