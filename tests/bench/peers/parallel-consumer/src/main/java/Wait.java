import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Waits a while per event, the events of a key in order: BROKERS GROUP TOPIC EVENTS CONCURRENCY MILLISECONDS. */
public final class Wait {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", arguments[0]);
        properties.put("group.id", arguments[1]);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("max.poll.records", "5000");
        KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        long events = Long.parseLong(arguments[3]);
        long milliseconds = Long.parseLong(arguments[5]);
        var options = ParallelConsumerOptions.<byte[], byte[]>builder()
            .consumer(consumer)
            .ordering(ProcessingOrder.KEY)
            .maxConcurrency(Integer.parseInt(arguments[4]))
            .ignoreReflectiveAccessExceptionsForAutoCommitDisabledCheck(true)
            .build();
        var processor = ParallelStreamProcessor.createEosStreamProcessor(options);
        processor.subscribe(List.of(arguments[2]));
        LongAdder done = new LongAdder();
        processor.poll(context -> {
            try {
                Thread.sleep(milliseconds);
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
            done.increment();
        });
        while (done.sum() == 0) {
            Thread.sleep(1);
        }
        long first = done.sum();
        long since = System.nanoTime();
        while (done.sum() < events) {
            Thread.sleep(5);
        }
        System.out.println((done.sum() - first) * 1e9 / (System.nanoTime() - since));
        System.exit(0);
    }
}
