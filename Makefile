# make demo, make test: all a newcomer needs. Needs python3 (3.11 or later) with venv; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WAIT := $(BIN)/python core/spherelinks/cli/elapsed.py
KERNELS := core/spherelinks/native/kernels.so

.PHONY: demo serve test test-long lint lock dist contract bench blender-addon godot-plugin unity-package clean

demo: $(VENV)/installed $(KERNELS)
	@$(BIN)/python scripts/demo.py

serve: $(VENV)/installed $(KERNELS)
	@$(BIN)/spherelinks serve

test: $(VENV)/installed-test $(KERNELS)
	$(BIN)/pytest

# the property tests with 50 times the examples, others each time (hours); FILES="tests/core/mesh" runs some
EXAMPLES := 50
FILES :=
test-long: $(VENV)/installed-test $(KERNELS)
	SPHERELINKS_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -m hypothesis --timeout=0 $(FILES)

GDSCRIPT := godot_plugin/addons tests/godot tests/engines/godot

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/core/typed_use.py
	$(BIN)/gdformat --check --line-length 120 $(GDSCRIPT)
	$(BIN)/gdlint $(GDSCRIPT)

# the versions that everything here is built and tested with; UPGRADE=--upgrade takes the newest that pyproject.toml allows
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make lock" $(UPGRADE) pyproject.toml

lock: | $(BIN)/python
	$(PIP) install uv
	$(BIN)/$(LOCK) --all-extras -o requirements/dev.txt
	$(BIN)/$(LOCK) --extra server -c requirements/dev.txt -o requirements/server.txt

contract: $(VENV)/installed-test $(KERNELS)
	$(BIN)/python -m contract.placement
	$(BIN)/python -m contract.record
	$(BIN)/python scripts/unity_package.py
	$(BIN)/python scripts/godot_plugin.py --texts

# the documentation as pages that open from disk; fails on a broken link
site: $(VENV)/installed-test
	$(BIN)/python scripts/docs_site.py

bench: $(VENV)/installed-test $(KERNELS)
	$(BIN)/python bench/pipeline.py
	$(BIN)/python bench/finishing.py
	$(BIN)/python bench/thumbnail.py
	$(BIN)/python bench/files.py
	$(BIN)/python bench/unwrap.py
	$(BIN)/python bench/fidelity.py
	$(BIN)/python bench/matte.py
	$(BIN)/python bench/api.py

dist: $(VENV)/installed-test
	$(BIN)/python -m build

blender-addon:
	$(PYTHON) scripts/blender_addon.py

godot-plugin:
	$(PYTHON) scripts/godot_plugin.py

unity-package:
	$(PYTHON) scripts/unity_package.py

clean:
	rm -rf $(VENV) build demo/*.glb demo/index.html

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements/server.txt pyproject.toml hatch_build.py | $(BIN)/python
	@$(WAIT) "Installing what SphereLinks needs into $(VENV), about a minute" $(PIP) install --require-hashes -r requirements/server.txt
	@$(WAIT) "Installing SphereLinks, and compiling its native library" $(PIP) install --no-deps -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed requirements/dev.txt
	@$(WAIT) "Installing what the tests and the linters need" $(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# installing makes it, too; here it is made anew where a source is newer
$(KERNELS): $(wildcard core/spherelinks/native/*.cpp core/spherelinks/native/*.h) | $(VENV)/installed
	$(BIN)/python -m spherelinks.native.build
