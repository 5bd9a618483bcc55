package rentmatch.peer;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.avro.specific.SpecificRecordBase;
import org.apache.avro.util.Utf8;
import rentmatch.peer.records.*;
import rentmatch.v1.*;

/** Avro single-object encoding with reused decoder, encoder and buffer. Not thread-safe: one per processor. */
final class Codec {
    private static final int HEADER = 10;

    private static final class Type {
        final SpecificDatumReader<SpecificRecordBase> reader;
        final SpecificDatumWriter<SpecificRecordBase> writer;
        final byte[] header;

        Type(Schema schema) {
            reader = new SpecificDatumReader<>(schema);
            writer = new SpecificDatumWriter<>(schema);
            header = ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN).put((byte) 0xC3).put((byte) 0x01)
                    .putLong(SchemaNormalization.parsingFingerprint64(schema)).array();
        }
    }

    private final Map<Long, Type> byFingerprint = new HashMap<>();
    private final Map<Schema, Type> bySchema = new java.util.IdentityHashMap<>();
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(1024);
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;

    Codec() {
        for (Schema schema : new Schema[] {PaymentInitiated.SCHEMA$, ProcessorSettled.SCHEMA$, ObligationCharged.SCHEMA$,
                PaymentPosted.SCHEMA$,
                PostingReversed.SCHEMA$, PaymentReconciliation.SCHEMA$, ObligationReconciliation.SCHEMA$, MismatchAlert.SCHEMA$,
                PaymentState.SCHEMA$, ObligationState.SCHEMA$}) {
            Type type = new Type(schema);
            bySchema.put(schema, type);
            byFingerprint.put(fingerprint(type.header), type);
        }
    }

    private static long fingerprint(byte[] data) {
        return ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).getLong(2);
    }

    @SuppressWarnings("unchecked")
    <T> T decode(byte[] data) {
        if (data.length < HEADER || data[0] != (byte) 0xC3 || data[1] != 0x01) throw new IllegalArgumentException("unknown framing");
        Type type = byFingerprint.get(fingerprint(data));
        if (type == null) throw new IllegalArgumentException("unknown schema");
        decoder = DecoderFactory.get().binaryDecoder(data, HEADER, data.length - HEADER, decoder);
        try {
            return (T) type.reader.read(null, decoder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    byte[] encode(SpecificRecordBase record) {
        Type type = bySchema.get(record.getSchema());
        out.reset();
        encoder = EncoderFactory.get().binaryEncoder(out, encoder);
        try {
            out.write(type.header, 0, HEADER);
            type.writer.write(record, encoder);
            encoder.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    static byte[] bytes(Utf8 text) {
        return Arrays.copyOf(text.getBytes(), text.getByteLength());
    }
}
