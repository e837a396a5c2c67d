"""Terms of LLM serving: names (the first is the canonical one) | meaning, as a predicate | telegraph answer."""

from training.generator.data.tables import Answer, Row

_TABLE = """
the KV cache;KV cache;key-value cache|stores the attention keys and values of past tokens, so that they are not computed again for every new token|Stored keys and values of past tokens.
prefill;the prefill phase|is the first phase of a request: the whole prompt is computed at once and fills the KV cache|First phase: computes the prompt.
decode;the decode phase;decoding|is the second phase of a request: each step produces one new token for every running sequence|Second phase: one token per step.
TTFT;time to first token|is the time to first token: from the arrival of a request to its first output token|Time to first token.
TPOT;time per output token|is the time per output token: the average time between tokens after the first one|Average time per later token.
ITL;inter-token latency|is the inter-token latency: the gap between two neighbouring output tokens|Gap between two tokens.
throughput;serving throughput|is the number of tokens that a server produces per second over all requests|Tokens per second.
latency;request latency|is the time that one request takes from arrival to its last token|Time from arrival to last token.
goodput|is the rate of requests that finish within their latency targets|Rate of requests in time.
an SLO;SLO;a service level objective|is a service level objective: a target such as a TTFT under 200 ms|A service level target.
continuous batching;in-flight batching|adds new sequences to the batch at every step and removes finished ones, so that no slot stays empty|Sequences join and leave at every step.
static batching|runs a fixed batch until its longest sequence ends, which leaves finished slots idle|A fixed batch until its longest ends.
dynamic batching|waits a short time to collect several requests and runs them as one batch|Waits briefly to batch requests.
chunked prefill|splits a long prompt into pieces that share steps with decoding sequences, so that nobody waits for long|Long prompts in pieces.
paged attention;PagedAttention|keeps the KV cache in small blocks found through a block table, like pages of virtual memory|KV cache in small blocks.
a block table;block table|lists the KV blocks of a sequence in order|List of a sequence's KV blocks.
a KV block;KV block;a cache block|is a fixed run of token slots in the KV cache|A fixed run of token slots.
prefix caching;a prefix cache;prompt caching|keeps the KV blocks of earlier prompts, so that a prompt with the same beginning skips that part of prefill|Reuses KV of equal prompt beginnings.
copy-on-write;copy on write|shares a block between sequences and copies it only when one of them writes|Shared until written.
preemption;preempting a sequence|takes the blocks of a running sequence back and queues it again when memory runs out|Takes blocks back and requeues.
speculative decoding;speculative sampling|lets a cheap draft guess several tokens, which the large model then checks in one step|A draft guesses, the model checks.
a draft model;draft model|is the small model that guesses tokens in speculative decoding|The small guessing model.
quantisation;quantization;weight quantization|stores weights with fewer bits, such as 8 or 4, to save memory and bandwidth|Fewer bits per weight.
Q8_0|is a GGUF type with blocks of 32 weights of 8 bits and one scale per block|GGUF type of 8 bits.
BF16;bfloat16|is a 16-bit floating-point type with 8 bits of exponent, as many as float32|16 bits with float32's exponent.
FP16;float16;half precision|is a 16-bit floating-point type with 5 bits of exponent and 10 bits of fraction|16 bits, 5 of exponent.
GGUF;a GGUF file|is a single-file model format that holds metadata, the tokenizer and often quantised weights|Single-file model format.
safetensors;the safetensors format|is a simple file format for tensors: a JSON header and then raw data that can be memory-mapped|Simple tensor file format.
tensor parallelism;tensor parallel|splits each layer's matrices over several devices, which exchange partial results|Splits matrices over devices.
pipeline parallelism;pipeline parallel|gives each device a run of layers and passes activations from one to the next|Splits layers over devices.
data parallelism;data parallel serving|runs full copies of a model and divides the requests among them|Full copies share the requests.
expert parallelism|places different experts of a mixture-of-experts model on different devices|Experts on different devices.
a mixture of experts;mixture of experts;MoE|is a model in which a router sends each token to a few of many expert networks|A router picks a few experts.
attention;self-attention;the attention mechanism|lets each token gather information from earlier tokens, weighted by how well queries match keys|Tokens look at earlier tokens.
multi-head attention;MHA|runs several attention heads side by side, each with its own queries, keys and values|Several heads side by side.
grouped-query attention;GQA|lets several query heads share one key-value head, which makes the KV cache smaller|Query heads share key-value heads.
multi-query attention;MQA|uses a single key-value head for all query heads|One key-value head for all.
flash attention;FlashAttention|computes attention tile by tile with an online softmax, without storing the full score matrix|Attention tile by tile.
online softmax|computes a softmax in one pass by rescaling the running sum whenever the maximum grows|Softmax in one pass.
RoPE;rotary position embedding;rotary embeddings|rotates queries and keys by angles that depend on position, so that scores depend on distance|Rotates queries and keys by position.
RMSNorm;RMS normalisation|divides a vector by its root mean square and multiplies it by learned weights|Divides by the root mean square.
SwiGLU|is a feed-forward layer that multiplies a SiLU-gated projection by a second projection|A gated feed-forward layer.
a transformer;transformer;the transformer architecture|is a neural network of layers that alternate attention and feed-forward blocks|Layers of attention and feed-forward.
a token;token;tokens|is a piece of text, often a word or part of one, that the model reads and writes as a number|A piece of text.
a tokenizer;tokenizer|turns text into token numbers and back|Turns text into token numbers.
BPE;byte-pair encoding|is byte-pair encoding: a tokenizer that merges frequent pairs of symbols step by step|Merges frequent pairs.
an embedding;embedding;embeddings|is a vector of numbers that stands for a token|A vector for a token.
a logit;logit;logits|is the raw score of a token before softmax turns scores into probabilities|Raw score of a token.
softmax;the softmax function|turns scores into positive numbers that sum to one|Scores to probabilities.
temperature;sampling temperature|divides the logits before sampling: low values make the output safer, high values make it more varied|Divides logits: low is safe.
top-k;top-k sampling|samples only from the k most likely tokens|Only the k most likely.
top-p;nucleus sampling;top-p sampling|samples only from the smallest set of tokens whose probabilities sum to at least p|Smallest set with probability p.
min-p;min-p sampling|drops tokens whose probability is below p times that of the likeliest token|Drops tokens below p of the best.
greedy decoding;greedy sampling|always takes the most likely token|Always the most likely token.
beam search|keeps the few best partial outputs at each step instead of one|Keeps several partial outputs.
a repetition penalty;repetition penalty|lowers the scores of tokens that already occurred, so that the model repeats itself less|Lowers scores of used tokens.
a stop string;stop string;stop strings|is a text that ends the answer as soon as the model writes it|A text that ends the answer.
an EOS token;EOS;EOS token|is the end-of-sequence token, with which the model ends its answer|The token that ends the answer.
a context window;context window;context length|is the largest number of tokens that a model can look at in one request|Most tokens of one request.
a chat template;chat template|turns a list of chat messages into the exact prompt that the model was trained on|Turns messages into a prompt.
a system prompt;system prompt|is an instruction at the start of a chat that sets how the assistant behaves|Instruction at the start.
SSE;server-sent events|are server-sent events: a way to stream tokens to a client over one HTTP response|Streams over one response.
LoRA;low-rank adaptation|adapts a model by training small low-rank matrices beside its frozen weights|Trains small low-rank matrices.
fine-tuning;finetuning|continues the training of a model on data for a particular task|Training on for a task.
distillation;knowledge distillation|trains a small model to imitate the outputs of a larger one|A small model imitates a large one.
perplexity|measures how surprised a model is by a text: lower is better|How surprised a model is.
CUDA graphs;a CUDA graph|record a series of GPU kernels once and replay it with one launch|Recorded GPU kernels.
a scheduler;the scheduler;scheduler|decides which sequences run in the next step and how many tokens each one gets|Picks the sequences of a step.
a device map;device map|says which layers of a model run on which device|Which layers run where.
disaggregated serving;prefill-decode disaggregation|runs prefill and decode on different machines, so that they do not disturb each other|Prefill and decode apart.
an inference server;inference server|loads a model and answers requests for its output over a network|Answers requests for a model.
head-of-line blocking|means that short requests wait behind a long one at the front of the queue|Short ones wait behind a long one.
arithmetic intensity|is the number of operations per byte of memory traffic|Operations per byte.
memory bandwidth|is the number of bytes per second that a device can read from its memory, and it limits decoding|Bytes read per second.
the roofline model;roofline model|bounds the speed of a program by computing power and by memory bandwidth|Bound by compute and bandwidth.
structured output;constrained decoding;guided decoding|masks tokens during sampling so that the output follows a grammar or a JSON schema|Output that follows a grammar.
tool calling;function calling|lets a model ask the program to run a function and then use its result|The model calls functions.
a large language model;LLM;large language model;an LLM|is a neural network trained to predict the next token of text|A network that predicts tokens.
a batch;batch|is a group of sequences that one step computes together|Sequences computed together.
a step;an engine step|is one run of a batch through the model|One batch through the model.
a slot;a sequence slot|is the place of a running sequence in the engine|A running sequence's place.
a request;an inference request|is one call of a client, with one answer or several|One call of a client.
a sequence;a token sequence|is one stream of tokens: a prompt and its answer|One stream of tokens.
admission;admission control|decides whether a waiting request gets memory and may start|Decides who may start.
a token budget;token budget;the token budget|limits how many tokens one step may compute|Most tokens of a step.
block size;the KV block size|is the number of tokens that one KV block holds|Tokens per KV block.
KV swapping;swapping;KV offloading|copies the KV cache of a waiting sequence to host memory and back|KV moves to host memory.
recomputation;KV recomputation|computes the KV cache of a preempted sequence again instead of copying it|Computes the KV again.
eviction;cache eviction;LRU eviction|removes what was not used for the longest time from a full cache|Removes the least recently used.
a hit ratio;hit ratio;the cache hit ratio|is the share of lookups that a cache can answer|Share of cache hits.
a scale;a quantisation scale|is the factor that turns a stored whole number back into a weight|Factor of a quantised weight.
int8;int8 quantisation;8-bit quantisation|stores each weight as a whole number of 8 bits with a scale for each row|8-bit weights.
int4;int4 quantisation;4-bit quantisation|stores each weight as a whole number of 4 bits with a scale for each group|4-bit weights.
a kernel;compute kernel;kernel|is a small program for one operation, tuned to a processor|A tuned operation.
GEMM;matrix multiplication;a GEMM|is the product of two matrices, which takes most of the time of prefill|Matrix product.
SIMD;vector instructions|are instructions that compute many numbers at once|Many numbers at once.
AMX;advanced matrix extensions|is a set of x86 instructions that multiply small matrices in one go|x86 matrix instructions.
AVX-512;AVX-512 instructions|is a set of x86 instructions on 512 bits at once|512-bit x86 instructions.
VRAM;GPU memory;video memory|is the memory of a graphics card, which holds weights and KV cache|Memory of a GPU.
NVLink|is a fast link between GPUs of one machine|Fast link between GPUs.
pinned memory;page-locked memory|is host memory that stays in place, so that a GPU can copy it directly|Host memory that stays in place.
memory mapping;mmap;memory-mapped files|lets a program read a file as if it were memory|A file read as memory.
an activation;activation;activations|is the output of a layer while the model runs|Output of a layer.
a weight;weight;model weights|is a number that the model learnt in training|A learnt number.
a parameter;parameter;model parameters|is one of the learnt numbers of a model|A learnt number of a model.
a hidden state;hidden state|is the vector that stands for a token between two layers|Vector between two layers.
a residual connection;residual connection;skip connection|adds the input of a block to its output|Adds input to output.
layer normalisation;layer norm|shifts and scales a vector to mean zero and variance one|Normalises a vector.
SiLU;the SiLU function|multiplies a number by its own sigmoid|x times sigmoid of x.
an attention mask;attention mask;causal mask|hides the tokens that a token may not look at|Hides tokens.
sliding window attention;sliding window|lets a token see only a fixed number of tokens before it|Only the last tokens.
a positional encoding;positional encoding|tells the model at which place a token stands|Tells a token's place.
sampling;token sampling|picks the next token at random by its probability|Random pick by probability.
a seed;random seed|is a number that makes random choices repeatable|Makes chance repeatable.
log-probabilities;logprobs|are the natural logarithms of token probabilities|Logarithms of probabilities.
a frequency penalty;frequency penalty|lowers the score of a token for each time that it occurred|Penalty for each use.
a presence penalty;presence penalty|lowers the score of each token that has occurred at all|Penalty for any use.
streaming;token streaming|sends each token to the client as soon as it is made|Tokens as they are made.
backpressure;back pressure|slows a producer down when its consumer is slow|Slow consumers slow producers.
queueing delay;queue time;queueing time|is the time that a request waits before it runs|Wait before it runs.
tail latency;p99 latency|is the latency of the slowest few requests, such as the worst in a hundred|Latency of the slowest.
a percentile;percentile|is the value below which a given share of the measurements lies|Value below which a share lies.
a load balancer;load balancer|spreads requests over several servers|Spreads requests.
autoscaling;auto-scaling|starts and stops servers as the load changes|Servers follow the load.
a replica;model replica|is a full copy of a model that serves requests of its own|A full copy of a model.
an all-reduce;all-reduce|adds up the partial results of several devices and gives all of them the sum|Sums over devices.
starvation;request starvation|means that a request waits for ever because others always go first|Waiting for ever.
fairness;fair scheduling|means that no client gets much more than its share|Equal shares.
RTT;round-trip time;the round-trip time|is the time that a message takes to the other side and back|Time there and back.
a tool call;tool call|is a function name with arguments that the model writes for the program to run|Function with arguments.
JSON mode;JSON schema output|makes the model answer with JSON that fits a schema|Answers in JSON.
a grammar;grammar constraint|is a set of rules that says which texts are allowed|Rules for allowed texts.
a base model;base model|is a model that continues text and was not trained to chat|Continues text, no chat.
an instruct model;instruct model;chat model|is a model that was trained to follow instructions in a chat|Follows instructions.
pretraining;pre-training|is the first, long training of a model on a large amount of text|First long training.
overfitting|means that a model learns its training data by heart and fails on new data|Learning by heart.
a checkpoint;model checkpoint|is a saved state of a model's weights|Saved weights.
inference;model inference|is the use of a trained model to compute answers|Using a trained model.
training;model training|adjusts the weights of a model until its outputs fit the data|Adjusting weights to data.
a prompt;prompt|is the text that a model is given to answer or continue|Text given to the model.
a completion;completion|is the text with which a model continues a prompt|Continued text.
hallucination;hallucinations|means that a model states something wrong as if it were true|Wrong but stated as true.
a vocabulary;vocabulary;token vocabulary|is the set of all tokens that a model knows|All known tokens.
a special token;special token|is a token with a meaning of its own, such as the end of a message|Token with its own meaning.
"""


def _row(line):
    names, meaning, short = line.split("|")
    names = names.split(";")
    return Row(tuple(names), Answer(f"{names[0][:1].upper()}{names[0][1:]} {meaning}.", short))


# Rows whose questions are the names of the term.
TERMS = [_row(line) for line in _TABLE.strip().splitlines()]
