"""The WebAssembly engine, the options it is built with, and two repairs to its Python binding."""

import ctypes

from wasmtime import Config, Engine, WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime.component import ListType, String, _enter

from sandbox.pool.artefact import ENGINE_OPTIONS
from sandbox.pool.limits import MIB

MAX_GUEST_STRING = 2 * MIB  # of one text that the guest hands over
MAX_GUEST_BYTES = 64 * 1024  # of one piece of bytes that the guest hands over: it writes 4 KiB at a time

VALUE_BYTES = ctypes.sizeof(ffi.wasmtime_component_val_t)
PAYLOAD_OFFSET = ffi.wasmtime_component_val_t.of.offset


def new_engine() -> Engine:
    config = Config()
    for name, value in ENGINE_OPTIONS.items():
        setattr(config, name, value)
    return Engine(config)


def forget_last_exception() -> None:
    """wasmtime-py keeps an exception of a host function in a global of the process, and raises it at the next call
    (bytecodealliance/wasmtime-py#254). A run begins without one."""
    _enter.LAST_EXCEPTION = None


def repair_binding() -> None:
    """Bytes cross in one copy instead of element by element (2 ms a run for the 2,496 bytes that seed ``random``), and
    texts and bytes of the guest are measured before Python copies them."""
    ListType.convert_to_c = _lower_bytes  # type: ignore[method-assign]
    ListType.convert_from_c = _lift_bytes  # type: ignore[method-assign]
    String.convert_from_c = _lift_string  # type: ignore[method-assign]


_lower_list, _lift_list, _lift_text = ListType.convert_to_c, ListType.convert_from_c, String.convert_from_c


def _lower_bytes(self, store, value, pointer):
    if not isinstance(value, bytes):
        return _lower_list(self, store, value, pointer)
    items = ffi.wasmtime_component_vallist_t()
    ffi.wasmtime_component_vallist_new_uninit(items, len(value))
    buffer = bytearray(len(value) * VALUE_BYTES)
    buffer[0::VALUE_BYTES] = bytes([ffi.WASMTIME_COMPONENT_U8.value]) * len(value)
    buffer[PAYLOAD_OFFSET::VALUE_BYTES] = value
    ctypes.memmove(items.data, bytes(buffer), len(buffer))
    pointer.contents.kind = ffi.WASMTIME_COMPONENT_LIST
    pointer.contents.of.list = items
    return None


def _lift_bytes(self, value):
    if not self._is_bytes():
        return _lift_list(self, value)
    items = value.of.list
    try:
        if items.size > MAX_GUEST_BYTES:
            raise WasmtimeError("guest value over the limit")
        return ctypes.string_at(items.data, items.size * VALUE_BYTES)[PAYLOAD_OFFSET::VALUE_BYTES]
    finally:
        ffi.wasmtime_component_vallist_delete(ctypes.byref(value.of.list))


def _lift_string(self, value):
    if value.of.string.size > MAX_GUEST_STRING:
        ffi.wasm_byte_vec_delete(ctypes.byref(value.of.string))
        raise WasmtimeError("guest value over the limit")
    return _lift_text(self, value)
