//! Collections and datasets on disk: collect, prepare, captions, the dataset reader.
