"""The drawing app: a page in the browser, and the small server behind it. It needs the extra "app".

``server`` puts the rooms together: ``transport``, ``models`` and ``runs`` are shared; ``answers`` (Draw, Inside), ``lessons``
(Step), ``teaching`` and ``trainings`` each serve their part of the page. Begin with ``server``, then ``answers/predict.py``.
"""
