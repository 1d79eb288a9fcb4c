"""`python -m appliance.cli`, for where the `osteon` script is not on the path."""

from appliance.cli import main

main()
