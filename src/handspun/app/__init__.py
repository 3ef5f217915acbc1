"""The drawing app: a page in the browser, and the small server behind it.

Needs the extra "app". ``server`` puts the parts together; each end point lives in the module that its answer comes from, and
``wire`` has what goes over the line.
"""
