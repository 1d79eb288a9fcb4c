"""From headers to ordered series: completeness, geometry, choice of series. Pure."""
