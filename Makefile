# Thin: each target is one command. `make setup` prepares a fresh Debian 12 or 13; the others do so
# first, which takes under a second when all is there.
PYTHON := .venv/bin/python
UV := .venv/bin/uv
# ippeveprinter, Orthanc and mkfs lie there, and a plain user has no /usr/sbin in PATH.
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: demo demo-update demo-wipe test check docs bench test-slow sweep evaluate setup lock clean \
	image test-image

demo: setup
	@$(PYTHON) -m tests.demo

# A full box is wiped before your eyes: plan, wipe, certificate.
demo-wipe: setup
	@$(PYTHON) -m tests.demo.wipe

# A good and a bad update of a model, from the maker's keys to the fleet's table.
demo-update: setup
	@$(PYTHON) -m tests.demo_update

test: check
	$(PYTHON) -m pytest -n 2 --dist loadfile

check: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

# The generated pages of the manual, the example and the schema of the site YAML.
docs: setup
	$(PYTHON) -m appliance.cli manual provisioning

bench: setup
	@$(PYTHON) -m tests.bench

# The slower tiers: power cuts, kills at every stage boundary, long runs, a real systemd.
test-slow: setup
	$(PYTHON) -m pytest -m "slow and not exhaustive" -n 2 --dist loadfile

# All of them, also those that try every system call: some hours.
sweep: setup
	$(PYTHON) -m pytest -m slow
	image-build/build
	$(PYTHON) -m pytest -m "image and exhaustive" -p no:xdist -s tests/image

# The reports under models/evaluation/, from the packs and the listed data; a quarter of an hour.
evaluate: setup
	nice $(PYTHON) -m models.training.evaluate
	nice $(PYTHON) -m models.training.anatomy

setup:
	@provisioning/setup

# The appliance's disk image (as root); what is built is kept, and built anew where its inputs change.
image: setup
	@image-build/build

# The image in an emulated machine: first boot, studies, power cut, wipe. Needs no KVM.
test-image: image
	$(PYTHON) -m pytest -m "image and not exhaustive" -p no:xdist -s tests/image

# Anew from pyproject.toml, with the newest releases; needs the network.
lock: setup
	$(PYTHON) -m pip install --quiet uv
	$(UV) pip compile --quiet --upgrade pyproject.toml -o requirements/runtime.lock
	$(UV) pip compile --quiet --extra test -c requirements/runtime.lock pyproject.toml \
		-o requirements/test.lock
	echo 'setuptools>=77' | $(UV) pip compile --quiet -c requirements/test.lock - \
		-o requirements/build.lock
	$(UV) pip compile --quiet --extra test --extra training -c requirements/test.lock \
		pyproject.toml -o requirements/training.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
