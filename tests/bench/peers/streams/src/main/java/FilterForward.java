import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/** Filters and forwards exactly once, until it is killed: BROKER GROUP INPUT OUTPUT THREADS INTERVAL_MS STATE_FOLDER. */
public final class FilterForward {
    public static void main(String[] arguments) {
        var settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("application.id", arguments[1]);
        settings.put("num.stream.threads", arguments[4]);
        settings.put("commit.interval.ms", arguments[5]);
        settings.put("state.dir", arguments[6]);
        settings.put("processing.guarantee", "exactly_once_v2");
        settings.put("auto.offset.reset", "earliest");
        settings.put("statestore.cache.max.bytes", "0");
        settings.put("producer.compression.type", "lz4");
        settings.put("producer.linger.ms", "5");
        settings.put("producer.batch.size", "1000000");
        settings.put("producer.buffer.memory", "134217728");
        settings.put("max.poll.records", "5000");
        settings.put("consumer.max.partition.fetch.bytes", "4000000");

        var builder = new StreamsBuilder();
        builder.stream(arguments[2], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .filter((key, value) -> value != null && (value.length == 0 || value[0] != '-'))
                .to(arguments[3], Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        var streams = new KafkaStreams(builder.build(), settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
