"""The dashboard: pages that are made here and need nothing but a browser; scripts keep them fresh and draw charts.

A page asks the same questions as the API (`service.asked`) and shows the same answers. `page` has what all of them
share, `looked` what an address says, the other modules a subject each.
"""
