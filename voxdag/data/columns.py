"""The types of the columns that tables of recordings have in all tasks, as far as they are no text.

They stand apart from what fills them, so that who reads a table needs neither decoders nor networks.
"""

RECORDING = {  # what the index says of a recording besides the manifest (see `recordings`, `audio.front_end.Processed`)
    **{"source_rate": int, "channels": int, "clipped": int, "seconds": float},
    **{"speech_start": float, "speech_end": float, "speech_seconds": float, "loudness": float, "rms_db": float},
}
SIZE = "_bytes"  # ends the manifest's column with the size of another file than path: clean, and clean_bytes
MEMBER = {"seed": int}  # whose a row is (see `members.Member.mark`)
