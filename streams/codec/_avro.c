/* Reads and writes the Avro bodies of our own schemas: the same bytes and records as avro_plain.py, sooner.
 *
 * A `Body` is made from a layout of nested tuples (avro_compiled.py), which says for each field how it is encoded and which
 * of its values are surely good. `decode` has no rule of its own: bytes that are in any way unusual are given to `again`,
 * the general reader, which knows every case and message; a record with a value that is not surely good is given to `check`,
 * which returns it as it counts. So whatever this file returns is what plain Python returns.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum kind { LONG, INT, STRING, KNOWN, PERIOD, ENUM, OPTIONAL, RECORD, ARRAY, MAP };

static const char *const KINDS[] = {"long", "int", "string", "known", "period", "enum", "optional", "record", "array", "map"};

#define LAYOUT_VERSION 2 /* raise it with every change of what a layout means, here and in avro_compiled.py */
#define FIELDS_MAX 32
#define DEPTH_MAX 16
#define UNIQUE_MAX 32 /* items of an array that are compared here; larger arrays are left to `check` */

typedef struct node {
    enum kind kind;
    int64_t low, high;      /* LONG, INT: surely good within these; if `strict`, not 0. STRING: low, if not 0, is a first
                             * character that makes it doubtful */
    int strict;             /* STRING: surely good unless empty; ARRAY: unless the first fields of two items are equal;
                             * OPTIONAL: unless it has a value */
    PyObject *known;        /* KNOWN: texts by text; ENUM: the members, None for a symbol that is never written; RECORD: the
                             * class */
    PyObject **names;       /* RECORD: the fields' names */
    struct node **children; /* RECORD: the fields; OPTIONAL, ARRAY, MAP: the one inside */
    Py_ssize_t count;       /* of children */
} Node;

static void node_free(Node *node) {
    if (node == NULL) return;
    for (Py_ssize_t i = 0; i < node->count; i++) {
        if (node->names) Py_XDECREF(node->names[i]);
        if (node->children) node_free(node->children[i]);
    }
    PyMem_Free(node->names);
    PyMem_Free(node->children);
    Py_XDECREF(node->known);
    PyMem_Free(node);
}

static Node *node_make(PyObject *layout, int depth);

static int node_inner(Node *node, PyObject *const *layouts, Py_ssize_t count, int depth) {
    node->children = PyMem_Calloc((size_t)count, sizeof(Node *));
    if (node->children == NULL) return PyErr_NoMemory(), -1;
    node->count = count;
    for (Py_ssize_t i = 0; i < count; i++)
        if ((node->children[i] = node_make(layouts[i], depth + 1)) == NULL) return -1;
    return 0;
}

static int node_fill(Node *node, PyObject *layout, int depth) {
    const char *word;
    PyObject *first, *second, *third;
    if (!PyTuple_Check(layout) || PyTuple_GET_SIZE(layout) < 1 || depth > DEPTH_MAX) goto wrong;
    if ((word = PyUnicode_AsUTF8(PyTuple_GET_ITEM(layout, 0))) == NULL) return -1;
    int kind = 0;
    while (kind <= MAP && strcmp(word, KINDS[kind])) kind++;
    if (kind > MAP) goto wrong;
    node->kind = (enum kind)kind;
    first = PyTuple_GET_SIZE(layout) > 1 ? PyTuple_GET_ITEM(layout, 1) : NULL;
    second = PyTuple_GET_SIZE(layout) > 2 ? PyTuple_GET_ITEM(layout, 2) : NULL;
    third = PyTuple_GET_SIZE(layout) > 3 ? PyTuple_GET_ITEM(layout, 3) : NULL;
    switch (node->kind) {
    case LONG:
    case INT:
        if (third == NULL) goto wrong;
        node->low = PyLong_AsLongLong(first);
        node->high = PyLong_AsLongLong(second);
        node->strict = PyObject_IsTrue(third);
        return PyErr_Occurred() ? -1 : 0;
    case STRING:
        if (second == NULL) goto wrong;
        node->strict = PyObject_IsTrue(first);
        node->low = PyLong_AsLongLong(second);
        return PyErr_Occurred() ? -1 : 0;
    case PERIOD:
        return 0;
    case KNOWN:
        if (first == NULL || !PyDict_Check(first)) goto wrong;
        node->known = Py_NewRef(first);
        return 0;
    case ENUM:
        if (first == NULL || !PyTuple_Check(first) || PyTuple_GET_SIZE(first) > 64) goto wrong;
        node->known = Py_NewRef(first);
        return 0;
    case OPTIONAL:
        if (second == NULL) goto wrong;
        node->strict = PyObject_IsTrue(second);
        return PyErr_Occurred() ? -1 : node_inner(node, &first, 1, depth);
    case MAP:
        if (first == NULL) goto wrong;
        return node_inner(node, &first, 1, depth);
    case ARRAY:
        if (second == NULL) goto wrong;
        node->strict = PyObject_IsTrue(second);
        if (PyErr_Occurred() || node_inner(node, &first, 1, depth) < 0) return -1;
        if (node->strict && (node->children[0]->kind != RECORD || node->children[0]->count == 0)) goto wrong;
        return 0;
    case RECORD:
        if (third == NULL || !PyTuple_Check(second) || !PyTuple_Check(third) || !PyCallable_Check(first)) goto wrong;
        Py_ssize_t count = PyTuple_GET_SIZE(second);
        if (count != PyTuple_GET_SIZE(third) || count > FIELDS_MAX) goto wrong;
        node->known = Py_NewRef(first);
        if (node_inner(node, ((PyTupleObject *)third)->ob_item, count, depth) < 0) return -1;
        node->names = PyMem_Calloc((size_t)count, sizeof(PyObject *));
        if (node->names == NULL) return PyErr_NoMemory(), -1;
        for (Py_ssize_t i = 0; i < count; i++) {
            if (!PyUnicode_Check(PyTuple_GET_ITEM(second, i))) goto wrong;
            node->names[i] = Py_NewRef(PyTuple_GET_ITEM(second, i));
            PyUnicode_InternInPlace(&node->names[i]);
        }
        return 0;
    }
wrong:
    PyErr_Format(PyExc_ValueError, "not a layout: %R", layout);
    return -1;
}

static Node *node_make(PyObject *layout, int depth) {
    Node *node = PyMem_Calloc(1, sizeof(Node));
    if (node == NULL) return (Node *)PyErr_NoMemory();
    if (node_fill(node, layout, depth) == 0) return node;
    node_free(node);
    return NULL;
}

/* Reading. A reader returns a new reference or NULL. NULL with an exception is an error; NULL without one means that the
 * bytes are unusual, and `again` has to read them. */

typedef struct {
    const unsigned char *at, *end;
    int doubt; /* some value is not surely good */
} Reader;

static int read_varint(Reader *in, uint64_t *value) {
    uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (in->at >= in->end) return -1;
        unsigned char byte = *in->at++;
        if (shift == 63 && byte > 1) return -1;
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = number;
            return 0;
        }
    }
    return -1;
}

static int64_t unzigzag(uint64_t number) { return (int64_t)(number >> 1) ^ -(int64_t)(number & 1); }

static PyObject *read_text(Reader *in) {
    uint64_t number;
    if (read_varint(in, &number) < 0 || (number & 1) || (number >> 1) > (uint64_t)(in->end - in->at)) return NULL;
    Py_ssize_t size = (Py_ssize_t)(number >> 1);
    PyObject *text = PyUnicode_DecodeUTF8((const char *)in->at, size, NULL);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) PyErr_Clear();
    in->at += size;
    return text;
}

static int is_period(PyObject *text) {
    Py_ssize_t size;
    const char *at = PyUnicode_AsUTF8AndSize(text, &size);
    if (at == NULL) return -1;
    if (size != 7 || at[4] != '-' || !memcmp(at, "0000", 4)) return 0;
    for (int i = 0; i < 7; i++)
        if (i != 4 && (at[i] < '0' || at[i] > '9')) return 0;
    int month = (at[5] - '0') * 10 + at[6] - '0';
    return 1 <= month && month <= 12;
}

/* Whether the first fields of the items are texts of which no two are equal; 0 also if the comparison would take long. */
static int all_differ(PyObject *items, PyObject *name) {
    Py_ssize_t count = PyTuple_GET_SIZE(items);
    if (count > UNIQUE_MAX) return 0;
    PyObject *texts[UNIQUE_MAX];
    Py_ssize_t held = 0;
    int differ = 1;
    for (; held < count; held++) {
        texts[held] = PyObject_GetAttr(PyTuple_GET_ITEM(items, held), name);
        if (texts[held] == NULL) {
            differ = -1;
            break;
        }
        for (Py_ssize_t i = 0; i < held && differ > 0; i++)
            if (PyUnicode_Compare(texts[i], texts[held]) == 0) differ = 0;
    }
    if (differ >= 0 && PyErr_Occurred()) differ = -1;
    while (held-- > 0) Py_XDECREF(texts[held]);
    return differ;
}

static PyObject *read_value(const Node *node, Reader *in);

static PyObject *read_record(const Node *node, Reader *in) {
    PyObject *values[FIELDS_MAX];
    PyObject *record = NULL;
    Py_ssize_t held = 0;
    for (; held < node->count; held++)
        if ((values[held] = read_value(node->children[held], in)) == NULL) break;
    if (held == node->count) record = PyObject_Vectorcall(node->known, values, (size_t)held, NULL);
    while (held-- > 0) Py_DECREF(values[held]);
    return record;
}

/* One block, as nearly every writer has it; several blocks, or one with its size in bytes, are for `again`. */
static int read_block(Reader *in, Py_ssize_t *count) {
    uint64_t number;
    if (read_varint(in, &number) < 0 || (number & 1) || (number >> 1) > (uint64_t)(in->end - in->at)) return -1;
    *count = (Py_ssize_t)(number >> 1);
    return 0;
}

static int read_block_end(Reader *in) { return in->at < in->end && *in->at++ == 0 ? 0 : -1; }

static PyObject *read_array(const Node *node, Reader *in) {
    Py_ssize_t count;
    if (read_block(in, &count) < 0) return NULL;
    PyObject *items = PyTuple_New(count);
    if (items == NULL || count == 0) return items;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = read_value(node->children[0], in);
        if (item == NULL) goto no;
        PyTuple_SET_ITEM(items, i, item);
    }
    if (read_block_end(in) < 0) goto no;
    if (node->strict && count > 1) {
        int differ = all_differ(items, node->children[0]->names[0]);
        if (differ < 0) goto no;
        if (!differ) in->doubt = 1;
    }
    return items;
no:
    Py_DECREF(items);
    return NULL;
}

static PyObject *read_map(const Node *node, Reader *in) {
    Py_ssize_t count;
    if (read_block(in, &count) < 0) return NULL;
    PyObject *items = PyDict_New();
    if (items == NULL || count == 0) return items;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *key = read_text(in);
        PyObject *value = key == NULL ? NULL : read_value(node->children[0], in);
        int failed = value == NULL || PyDict_SetItem(items, key, value) < 0;
        Py_XDECREF(key);
        Py_XDECREF(value);
        if (failed) goto no;
    }
    if (read_block_end(in) == 0) return items;
no:
    Py_DECREF(items);
    return NULL;
}

static PyObject *read_value(const Node *node, Reader *in) {
    uint64_t number;
    PyObject *text, *known;
    switch (node->kind) {
    case LONG:
    case INT: {
        if (read_varint(in, &number) < 0 || (node->kind == INT && number >> 32)) return NULL;
        int64_t value = unzigzag(number);
        if (value < node->low || value > node->high || (node->strict && value == 0)) in->doubt = 1;
        return PyLong_FromLongLong(value);
    }
    case STRING:
        if ((text = read_text(in)) == NULL) return NULL;
        if (PyUnicode_GET_LENGTH(text) == 0 ? node->strict : node->low && PyUnicode_READ_CHAR(text, 0) == node->low)
            in->doubt = 1;
        return text;
    case PERIOD: {
        if ((text = read_text(in)) == NULL) return NULL;
        int good = is_period(text);
        if (good < 0) return Py_DECREF(text), NULL;
        if (!good) in->doubt = 1;
        return text;
    }
    case KNOWN:
        if ((text = read_text(in)) == NULL) return NULL;
        if ((known = PyDict_GetItemWithError(node->known, text)) != NULL) {
            Py_DECREF(text);
            return Py_NewRef(known); /* one object for each text, however often it is read */
        }
        in->doubt = 1;
        return PyErr_Occurred() ? (Py_DECREF(text), NULL) : text;
    case ENUM:
        if (in->at >= in->end || (*in->at & 1) || *in->at >> 1 >= PyTuple_GET_SIZE(node->known)) return NULL;
        known = PyTuple_GET_ITEM(node->known, *in->at++ >> 1);
        return known == Py_None ? NULL : Py_NewRef(known);
    case OPTIONAL:
        if (in->at >= in->end) return NULL;
        switch (*in->at++) {
        case 0:
            return Py_NewRef(Py_None);
        case 2:
            if (node->strict) in->doubt = 1;
            return read_value(node->children[0], in);
        default:
            return NULL;
        }
    case RECORD:
        return read_record(node, in);
    case ARRAY:
        return read_array(node, in);
    case MAP:
        return read_map(node, in);
    }
    return NULL;
}

/* Writing. Returns 0, or -1 with an exception set. */

typedef struct {
    char *bytes;
    size_t used, room;
    char first[1024];
} Writer;

static int more_room(Writer *out, size_t size) {
    size_t room = out->room * 2 + size;
    char *bytes = out->bytes == out->first ? PyMem_Malloc(room) : PyMem_Realloc(out->bytes, room);
    if (bytes == NULL) return PyErr_NoMemory(), -1;
    if (out->bytes == out->first) memcpy(bytes, out->first, out->used);
    out->bytes = bytes;
    out->room = room;
    return 0;
}

static inline int room_for(Writer *out, size_t size) {
    return out->room - out->used >= size ? 0 : more_room(out, size);
}

static int write_long(Writer *out, int64_t value) {
    uint64_t number = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    if (room_for(out, 10) < 0) return -1;
    for (; number > 0x7F; number >>= 7) out->bytes[out->used++] = (char)(number & 0x7F | 0x80);
    out->bytes[out->used++] = (char)number;
    return 0;
}

static int write_bytes(Writer *out, const char *bytes, size_t size) {
    if (room_for(out, size) < 0) return -1;
    memcpy(out->bytes + out->used, bytes, size);
    out->used += size;
    return 0;
}

static int write_text(Writer *out, PyObject *text) {
    Py_ssize_t size;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &size);
    if (bytes == NULL || write_long(out, size) < 0) return -1;
    return write_bytes(out, bytes, (size_t)size);
}

static int write_number(const Node *node, Writer *out, PyObject *value) {
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (number == -1 && PyErr_Occurred()) return -1;
    if (overflow || (node->kind == INT && (number < INT32_MIN || number > INT32_MAX))) {
        PyErr_Format(PyExc_OverflowError, "%S does not fit into an Avro %s", value, KINDS[node->kind]);
        return -1;
    }
    return write_long(out, number);
}

static int write_symbol(const Node *node, Writer *out, PyObject *value) {
    Py_ssize_t count = PyTuple_GET_SIZE(node->known);
    for (Py_ssize_t i = 0; i < count && value != Py_None; i++)
        if (PyTuple_GET_ITEM(node->known, i) == value) return write_long(out, i);
    for (Py_ssize_t i = 0; i < count && value != Py_None; i++) { /* equal texts are not always the same object */
        int same = PyObject_RichCompareBool(PyTuple_GET_ITEM(node->known, i), value, Py_EQ);
        if (same) return same < 0 ? -1 : write_long(out, i);
    }
    PyErr_SetObject(PyExc_KeyError, value);
    return -1;
}

static int write_value(const Node *node, Writer *out, PyObject *value);

static int write_array(const Node *node, Writer *out, PyObject *value) {
    PyObject *items = PySequence_Fast(value, "an array is written from a sequence");
    if (items == NULL) return -1;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(items);
    int failed = count ? write_long(out, count) : 0;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items) && !failed; i++)
        failed = write_value(node->children[0], out, PySequence_Fast_GET_ITEM(items, i));
    Py_DECREF(items);
    return failed ? -1 : write_bytes(out, "", 1);
}

static int write_map(const Node *node, Writer *out, PyObject *value) {
    PyObject *key, *item;
    Py_ssize_t at = 0;
    if (!PyDict_Check(value)) return PyErr_SetString(PyExc_TypeError, "a map is written from a dict"), -1;
    if (PyDict_GET_SIZE(value) && write_long(out, PyDict_GET_SIZE(value)) < 0) return -1;
    while (PyDict_Next(value, &at, &key, &item))
        if (write_text(out, key) < 0 || write_value(node->children[0], out, item) < 0) return -1;
    return write_bytes(out, "", 1);
}

static int write_value(const Node *node, Writer *out, PyObject *value) {
    switch (node->kind) {
    case LONG:
    case INT:
        return write_number(node, out, value);
    case STRING:
    case KNOWN:
    case PERIOD:
        return write_text(out, value);
    case ENUM:
        return write_symbol(node, out, value);
    case OPTIONAL:
        if (value == Py_None) return write_bytes(out, "", 1);
        return write_bytes(out, "\x02", 1) < 0 ? -1 : write_value(node->children[0], out, value);
    case RECORD:
        for (Py_ssize_t i = 0; i < node->count; i++) {
            PyObject *field = PyObject_GetAttr(value, node->names[i]);
            int failed = field == NULL || write_value(node->children[i], out, field) < 0;
            Py_XDECREF(field);
            if (failed) return -1;
        }
        return 0;
    case ARRAY:
        return write_array(node, out, value);
    case MAP:
        return write_map(node, out, value);
    }
    return -1;
}

typedef struct {
    PyObject_HEAD
    Node *root;
    PyObject *again, *check; /* check: NULL where there are no rules */
    Py_ssize_t size_max;     /* larger values may contain an id that is too long */
} Body;

static PyObject *body_new(PyTypeObject *type, PyObject *arguments, PyObject *named) {
    PyObject *layout, *again, *check = Py_None;
    Py_ssize_t size_max = PY_SSIZE_T_MAX;
    static char *names[] = {"layout", "again", "check", "size_max", NULL};
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "OO|On", names, &layout, &again, &check, &size_max)) return NULL;
    Body *self = (Body *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->again = Py_NewRef(again);
    self->check = check == Py_None ? NULL : Py_NewRef(check);
    self->size_max = size_max;
    if ((self->root = node_make(layout, 0)) == NULL) Py_CLEAR(self);
    return (PyObject *)self;
}

static void body_dealloc(Body *self) {
    PyTypeObject *type = Py_TYPE(self);
    node_free(self->root);
    Py_XDECREF(self->again);
    Py_XDECREF(self->check);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *body_decode(Body *self, PyObject *const *arguments, Py_ssize_t count) {
    if (count != 2 || !PyBytes_Check(arguments[0]))
        return PyErr_SetString(PyExc_TypeError, "decode takes bytes and where the body starts"), NULL;
    Py_ssize_t size = PyBytes_GET_SIZE(arguments[0]), start = PyLong_AsSsize_t(arguments[1]);
    if (start == -1 && PyErr_Occurred()) return NULL;
    if (start < 0) return PyErr_SetString(PyExc_ValueError, "a body starts at 0 or later"), NULL;
    const unsigned char *bytes = (const unsigned char *)PyBytes_AS_STRING(arguments[0]);
    Reader in = {bytes + (start < size ? start : size), bytes + size, size > self->size_max};
    PyObject *record = read_value(self->root, &in);
    if (record == NULL) return PyErr_Occurred() ? NULL : PyObject_Vectorcall(self->again, arguments, 2, NULL);
    if (in.at != in.end) {
        Py_DECREF(record);
        return PyObject_Vectorcall(self->again, arguments, 2, NULL);
    }
    if (in.doubt && self->check != NULL) Py_SETREF(record, PyObject_CallOneArg(self->check, record));
    return record;
}

static PyObject *body_encode(Body *self, PyObject *const *arguments, Py_ssize_t count) {
    if (count != 2 || !PyBytes_Check(arguments[1]))
        return PyErr_SetString(PyExc_TypeError, "encode takes a record and the bytes of its frame"), NULL;
    Writer out;
    out.bytes = out.first;
    out.used = 0;
    out.room = sizeof out.first;
    PyObject *value = NULL;
    if (write_bytes(&out, PyBytes_AS_STRING(arguments[1]), (size_t)PyBytes_GET_SIZE(arguments[1])) == 0 &&
        write_value(self->root, &out, arguments[0]) == 0)
        value = PyBytes_FromStringAndSize(out.bytes, (Py_ssize_t)out.used);
    if (out.bytes != out.first) PyMem_Free(out.bytes);
    return value;
}

static PyMethodDef BODY_METHODS[] = {
    {"decode", (PyCFunction)(void (*)(void))body_decode, METH_FASTCALL, "The record whose body fills data[start:]."},
    {"encode", (PyCFunction)(void (*)(void))body_encode, METH_FASTCALL, "The frame, followed by the record's body."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot BODY_SLOTS[] = {
    {Py_tp_doc, "How the body of one of our records is read and written."},
    {Py_tp_new, body_new},
    {Py_tp_dealloc, body_dealloc},
    {Py_tp_methods, BODY_METHODS},
    {0, NULL},
};

static PyType_Spec BODY_SPEC = {"streams.codec._avro.Body", sizeof(Body), 0, Py_TPFLAGS_DEFAULT, BODY_SLOTS};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_avro", "Avro bodies, compiled.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__avro(void) {
    PyObject *module = PyModule_Create(&MODULE);
    PyObject *type = module == NULL ? NULL : PyType_FromSpec(&BODY_SPEC);
    if (type == NULL || PyModule_AddObjectRef(module, "Body", type) < 0 ||
        PyModule_AddIntConstant(module, "LAYOUT_VERSION", LAYOUT_VERSION) < 0)
        Py_CLEAR(module);
    Py_XDECREF(type);
    return module;
}
