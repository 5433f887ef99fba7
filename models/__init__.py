"""Networks, one paper a file, and the parts they are made of: no I/O, nothing of voxdag. Every network offers the same:

    CONFIGS: dict[str, Config]                        its named sizes, frozen dataclasses; what has CONFIGS is a network
    build(config: Config, outputs: int) -> nn.Module  a new network of a size, `outputs` wide: classes, dimensions or
                                                      channels. Its weights are drawn from torch's global generator
    Network.TAKES                                     what its forward is given; a network that is never scored and only
                                                      helps others to train (a discriminator) has none
    network.published(tensors)                        where others published weights in other names: the state dict of
                                                      such a file in this network's names, without what stays as it
                                                      was drawn; None for another file, ValueError for other sizes

TAKES is one of

    "wave"      forward(wave (B, T))                              crops of one length
    "waves"     forward(wave (B, T), lengths (B,))                whole recordings, zeros behind the shorter ones
    "features"  forward(features (B, F, T), frames (B,))          the same of features; padding has no effect on the
                                                                  outputs in evaluation

Waves are float with full scale 1, lengths and frames int64. What comes out are logits (B, outputs), or a pair
(embedding (B, D), logits (B, outputs)); of an enhancer, waves (B, T), or (B, outputs, T) where there are several.

A size refuses fields that do not fit together (ValueError), so any of them may be changed. What a task fits after
training, such as a temperature, is no part of a network: `voxdag.networks` adds it. A module without CONFIGS holds what
networks are made of (stft, pooling, attention, bsrnn_parts, ssl_front_end, cpu_convolution, shared_batch_norm),
another form of one (bsrnn_stream), or what reads its published weights (ast_published).
"""
