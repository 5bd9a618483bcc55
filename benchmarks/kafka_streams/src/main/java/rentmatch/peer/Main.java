package rentmatch.peer;

import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.avro.util.Utf8;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import rentmatch.peer.records.*;
import rentmatch.v1.*;

/** The job on Kafka Streams, by its Processor API: one snapshot for each change of a key. */
public final class Main {
    private static final String NAME = env("PEER_NAME");

    static String env(String name) {
        String value = System.getenv(name);
        if (value == null) throw new IllegalArgumentException(name + " is not set");
        return value;
    }

    /** What every processor here has in common: bytes in, bytes out, its own codec. */
    abstract static class Step implements Processor<byte[], byte[], byte[], byte[]> {
        final Codec codec = new Codec();
        ProcessorContext<byte[], byte[]> context;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
        }

        void send(Record<byte[], byte[]> from, byte[] key, byte[] value, String child) {
            context.forward(from.withKey(key).withValue(value), child);
        }

        void send(Record<byte[], byte[]> from, PaymentReconciliation view, MismatchAlert alert) {
            byte[] snapshot = codec.encode(view);
            send(from, from.key(), snapshot, "payment-reconciliations");
            if (view.obligation_id != null) send(from, Codec.bytes(view.obligation_id), snapshot, "to-obligation-facts");
            if (alert != null) send(from, Codec.bytes(alert.break_id), codec.encode(alert), "mismatch-alerts");
        }
    }

    /** Decodes the inputs and sends the bytes on under the key of the join; the inputs' own partitioning is not trusted. */
    static final class Router extends Step {
        @Override
        public void process(Record<byte[], byte[]> record) {
            Object fact = codec.decode(record.value());
            Utf8 payment = fact instanceof PaymentInitiated f ? f.payment_id : fact instanceof ProcessorSettled s ? s.payment_id
                    : fact instanceof PaymentPosted p ? p.payment_id : fact instanceof PostingReversed r ? r.payment_id : null;
            if (payment != null) send(record, Codec.bytes(payment), record.value(), "payment-facts");
            else if (fact instanceof ObligationCharged c) send(record, Codec.bytes(c.obligation_id), record.value(), "obligation-facts");
        }
    }

    static final class PaymentJoin extends Step {
        private KeyValueStore<Bytes, byte[]> store;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            super.init(context);
            store = context.getStateStore("payments");
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            Object fact = codec.decode(record.value());
            Bytes key = Bytes.wrap(record.key());
            byte[] known = store.get(key);
            PaymentState state = known == null ? Rules.newPayment() : codec.decode(known);
            if (!Rules.apply(state, fact)) return;
            PaymentReconciliation view = Rules.view(state, new Utf8(record.key()));
            MismatchAlert alert = Rules.alert(state, view);
            store.put(key, codec.encode(state));
            send(record, view, alert);
        }
    }

    static final class ObligationJoin extends Step {
        private KeyValueStore<Bytes, byte[]> store;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            super.init(context);
            store = context.getStateStore("obligations");
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            Object fact = codec.decode(record.value());
            Bytes key = Bytes.wrap(record.key());
            byte[] known = store.get(key);
            ObligationState state = known == null ? Rules.newObligation() : codec.decode(known);
            if (!Rules.apply(state, fact)) return;
            Utf8 currency = fact instanceof PaymentReconciliation p ? p.currency : ((ObligationCharged) fact).currency;
            store.put(key, codec.encode(state));
            ObligationReconciliation view = Rules.view(state, new Utf8(record.key()), currency);
            send(record, record.key(), codec.encode(view), "obligation-reconciliations");
        }
    }

    private static StoreBuilder<KeyValueStore<Bytes, byte[]>> store(String name) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.Bytes(), Serdes.ByteArray())
                .withCachingEnabled().withLoggingEnabled(Map.of());
    }

    static Topology topology(String[] inputs) {
        return routed(new Topology(), inputs)
                .addSource("payment-in", NAME + "-payment-facts")
                .addProcessor("payment", PaymentJoin::new, "payment-in")
                .addStateStore(store("payments"), "payment")
                .addSink("payment-reconciliations", NAME + "-payment-reconciliations", "payment")
                .addSink("mismatch-alerts", NAME + "-mismatch-alerts", "payment")
                .addSink("to-obligation-facts", NAME + "-obligation-facts", "payment")
                .addSource("obligation-in", NAME + "-obligation-facts")
                .addProcessor("obligation", ObligationJoin::new, "obligation-in")
                .addStateStore(store("obligations"), "obligation")
                .addSink("obligation-reconciliations", NAME + "-obligation-reconciliations", "obligation");
    }

    private static Topology routed(Topology topology, String[] inputs) {
        return topology.addSource("in", inputs).addProcessor("router", Router::new, "in")
                .addSink("payment-facts", NAME + "-payment-facts", "router")
                .addSink("obligation-facts", NAME + "-obligation-facts", "router");
    }

    /** Says when all stores are restored and processing begins, and how many records of changelogs were read for that. */
    private static void reportRecovery(KafkaStreams streams) {
        long started = System.nanoTime();
        AtomicLong restored = new AtomicLong();
        streams.setGlobalStateRestoreListener(new StateRestoreListener() {
            @Override
            public void onRestoreStart(TopicPartition partition, String store, long from, long to) { }

            @Override
            public void onBatchRestored(TopicPartition partition, String store, long offset, long records) { }

            @Override
            public void onRestoreEnd(TopicPartition partition, String store, long records) {
                restored.addAndGet(records);
            }
        });
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                System.out.printf("recovered %d records in %.3f s%n", restored.get(), (System.nanoTime() - started) / 1e9);
            }
        });
    }

    public static void main(String[] args) {
        System.setProperty("org.apache.avro.specific.use_custom_coders", "true");
        String inputs = env("PEER_INPUTS");
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, NAME);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, env("PEER_BROKER"));
        config.put(StreamsConfig.STATE_DIR_CONFIG, env("PEER_STATE"));
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        // A process that stops leaves the group, as rentmatch's does; else its successor waits for the session's timeout.
        config.put(StreamsConfig.consumerPrefix("internal.leave.group.on.close"), true);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 131072);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        String[] topics = {inputs + "-payment-initiated", inputs + "-processor-settled", inputs + "-ledger-events"};
        KafkaStreams streams = new KafkaStreams(topology(topics), config);
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        reportRecovery(streams);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(20))));
        streams.start();
    }
}
