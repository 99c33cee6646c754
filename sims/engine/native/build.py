"""Compile the loop and link it: `python -m sims.engine.native.build OUT.so`. Needs numba and a C compiler."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import llvmlite.binding as llvm

from sims.engine.native.entries import entry

SYMBOL = "weir_simulate"

# What numba's runtime would answer if the loop allocated or raised; it does neither, so reaching one is a bug.
ABSENT = (
    "NRT_Free", "NRT_MemInfo_call_dtor", "numba_do_raise", "numba_gil_ensure",
    "numba_gil_release", "numba_runtime_build_excinfo_struct", "numba_unpickle",
)  # fmt: skip


def build(out: Path) -> None:
    """Write the shared library to `out`, whole or not at all."""
    function = entry()  # importing numba registers the processor with llvmlite
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, reloc="pic"
    )
    text, symbol = function._library.get_llvm_str(), function.native_name
    # Nothing here owns memory: counting references is nothing, and inlined away.
    text = re.sub(
        r"^declare void @(NRT_incref|NRT_decref)\(.*$",
        r"define internal void @\1(ptr %0) { ret void }",
        text,
        flags=re.MULTILINE,
    )
    module = llvm.parse_assembly(text.replace(f'"{symbol}"', symbol).replace(symbol, SYMBOL))
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.inlining_threshold = 255  # the most that llvmlite passes on
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        folder = Path(scratch)
        (folder / "loop.o").write_bytes(machine.emit_object(module))
        (folder / "absent.c").write_text(
            "#include <stdlib.h>\n" + "".join(f"void {n}(void){{abort();}}\n" for n in ABSENT)
        )
        library = folder / "loop.so"
        command = ["cc", "-O2", "-shared", "-fPIC", "-Wl,--allow-multiple-definition", "-o", str(library)]
        sources = [str(folder / "loop.o"), str(folder / "absent.c"), "-lm"]
        done = subprocess.run([*command, *sources], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"linking the loop failed; is a C compiler installed? {done.stderr.strip()[:500]}")
        library.replace(out)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
